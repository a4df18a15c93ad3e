"""A small agent: it does on the wire what a cloud-enabled agent does (C-01 to C-03), and says how far it got.

Dial, TLS with SNI, the thumbprint compared, CONNECT, the answer, and where asked for a second TLS with
the server behind the gateway. Not handled: proxies in between (C-06) and the choice between gateways
(C-07).
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.errors import CemopsError
from cemops.probe.http_head import EndedError, Head, NotHttpError, read_head
from cemops.probe.streams import Deadline, ReplayedStream, Stream
from cemops.probe.tls import TlsStream, alert_of, outer_context
from cemops.probe.visit import EndingError, Notes, Outcome, Step, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cemops.pki.keyed_certificate import KeyedCertificate

_OK = range(200, 300)


@dataclass(frozen=True)
class InnerTls:
    """The second TLS: with whom, and by which context (see ``cemops.probe.tls.inner_context``)."""

    host: str
    context: ssl.SSLContext


class Agent:
    """An agent with one identity (or none) before one gateway.

    ``dial`` opens a new stream to the gateway; it raises OSError or a CemopsError where it cannot.
    ``sni`` None sends no server name. ``thumbprint`` None pins nothing and only records. ``version``
    allows one TLS version (``1.2`` or ``1.3``). ``timeout`` seconds bound each visit as a whole. Raises
    PkiError where the credential cannot be used. May be shared by threads and greenlets.
    """

    def __init__(  # noqa: PLR0913 - keywords: what tells one agent from another
        self,
        dial: Callable[[], Stream],
        *,
        sni: str | None,
        thumbprint: str | None,
        credential: KeyedCertificate | None = None,
        version: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._dial = dial
        self._sni = sni
        self._thumbprint = thumbprint
        self._context = outer_context(credential, version)
        self._timeout = timeout

    def connect(self, target: str, *, inner: InnerTls | None = None, session: ssl.SSLSession | None = None) -> Visit:
        """Ask for a tunnel to ``target`` (the text after CONNECT), close it, and say what happened."""
        visit, stream = self.hold(target, inner=inner, session=session)
        if stream is not None:
            stream.close()
        return visit

    def hold(
        self, target: str, *, inner: InnerTls | None = None, session: ssl.SSLSession | None = None
    ) -> tuple[Visit, Stream | None]:
        """As ``connect``, but an opened tunnel stays open: its stream comes with the visit.

        The stream still has the visit's deadline: give it another with ``limit``, and close it.
        """
        return self._attempt(connect_request(target), inner, session)

    def request(self, request: bytes) -> Visit:
        """Send ``request`` (a whole HTTP head) instead of a CONNECT."""
        visit, stream = self._attempt(request, None, None)
        if stream is not None:
            stream.close()
        return visit

    def greet(self) -> Visit:
        """Do the TLS handshake alone, for the certificate that is presented.

        OPENED means the handshake was done; in TLS 1.3 the gateway may not have judged the agent yet.
        """
        visit, stream = self._attempt(None, None, None)
        if stream is not None:
            stream.close()
        return visit

    def _attempt(
        self, request: bytes | None, inner: InnerTls | None, session: ssl.SSLSession | None
    ) -> tuple[Visit, Stream | None]:
        notes = Notes()
        opened: list[Stream] = []
        try:
            self._dial_into(opened, notes)
            tls = self._outer(opened, session, notes)
            if request is None:
                return notes.visit(Outcome.OPENED, "the TLS handshake was done"), opened[-1]
            detail, status = self._ask(tls, request, opened, notes)
            if inner is not None:
                detail = self._inner(inner, opened, notes)
        except EndingError as end:
            if opened:
                opened[-1].close()
            return notes.visit(end.outcome, end.detail, status=end.status, alert=end.alert), None
        return notes.visit(Outcome.OPENED, detail, status=status), opened[-1]

    def _dial_into(self, opened: list[Stream], notes: Notes) -> None:
        with notes.timing(Step.DIAL):
            opened.append(_dialled(self._dial))
        opened[-1].limit(Deadline.after(self._timeout))

    def _outer(self, opened: list[Stream], session: ssl.SSLSession | None, notes: Notes) -> TlsStream:
        tls = TlsStream(opened[-1], self._context, sni=self._sni, session=session)
        with notes.timing(Step.OUTER_TLS):
            try:
                with _translated(notes.step):
                    tls.handshake()
            except EndingError:
                notes.presented = tls.presented
                self._check_thumbprint(notes)
                raise
        opened.append(tls)
        notes.presented = tls.presented
        notes.tls_version = tls.version
        notes.session_reused = tls.session_reused
        self._check_thumbprint(notes)
        return tls

    def _check_thumbprint(self, notes: Notes) -> None:
        presented = notes.presented
        if self._thumbprint is None or presented is None or presented.matches(self._thumbprint):
            return
        raise EndingError(
            Outcome.THUMBPRINT_MISMATCH,
            f"the certificate presented has the thumbprint {presented.thumbprint_like(self._thumbprint)}, "
            f"not {self._thumbprint}",
        )

    def _ask(self, tls: TlsStream, request: bytes, opened: list[Stream], notes: Notes) -> tuple[str, int]:
        with notes.timing(Step.REQUEST), _translated(notes.step):
            try:
                tls.send(request)
            except ConnectionError:
                tls.recv(1)  # a refusal may have arrived before the connection went: the alert says more
                raise
            head = read_head(tls)
        notes.session = _resumable(tls)
        _refuse_unless_ok(head)
        opened.append(ReplayedStream(head.rest, tls))
        return f"opened ({head.status})", head.status

    def _inner(self, inner: InnerTls, opened: list[Stream], notes: Notes) -> str:
        tls = TlsStream(opened[-1], inner.context, sni=inner.host)
        with notes.timing(Step.INNER_TLS):
            try:
                with _translated(notes.step):
                    tls.handshake()
            finally:
                notes.inner = tls.presented
        opened.append(tls)
        return f"opened, inner TLS {tls.version} with {inner.host}"


def clear_text_request(dial: Callable[[], Stream], request: bytes, *, timeout: float) -> Visit:
    """Send ``request`` without TLS, as something that takes the port for plain HTTP would."""
    notes = Notes()
    opened: list[Stream] = []
    try:
        with notes.timing(Step.DIAL):
            opened.append(_dialled(dial))
        opened[0].limit(Deadline.after(timeout))
        with notes.timing(Step.REQUEST), _translated(notes.step):
            opened[0].send(request)
            head = read_head(opened[0])
        _refuse_unless_ok(head)
    except EndingError as end:
        return notes.visit(end.outcome, end.detail, status=end.status)
    finally:
        for stream in opened:
            stream.close()
    return notes.visit(Outcome.OPENED, f"answered {head.status}", status=head.status)


def _dialled(dial: Callable[[], Stream]) -> Stream:
    try:
        return dial()
    except TimeoutError as error:
        raise EndingError(Outcome.CONNECT_FAILED, "cannot connect: no answer (timeout)") from error
    except OSError as error:
        raise EndingError(Outcome.CONNECT_FAILED, f"cannot connect: {error.strerror or error}") from error
    except CemopsError as error:
        raise EndingError(Outcome.CONNECT_FAILED, f"cannot connect: {error}") from error


def _refuse_unless_ok(head: Head) -> None:
    if head.status not in _OK:
        text = f"{head.status} {head.reason}".rstrip()
        raise EndingError(Outcome.REFUSED_BY_PROXY, f"the gateway answered {text}", status=head.status)


def connect_request(target: str) -> bytes:
    """Write the request for a tunnel to ``target``, as agents send it (C-02)."""
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii")


def _resumable(tls: TlsStream) -> ssl.SSLSession | None:
    """Return the session, if the gateway gave one: by ticket, or in TLS 1.2 by a session id."""
    session = tls.session
    if session is None or session.has_ticket:
        return session
    return session if tls.version == "1.2" and session.id else None


@contextmanager
def _translated(step: Step) -> Iterator[None]:
    """Turn what TLS and the stream raise into an ending with its exact text."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise EndingError(Outcome.NOT_TRUSTED, f"the certificate does not verify: {error.verify_message}") from error
    except ssl.SSLEOFError as error:
        raise _closed(step) from error
    except ssl.SSLError as error:
        alert = alert_of(error)
        if alert is not None:
            raise EndingError(Outcome.TLS_ALERT, f"refused with the TLS alert '{alert}'", alert=alert) from error
        reason = (error.reason or "unknown reason").replace("_", " ").lower()
        raise EndingError(Outcome.NOT_TLS, f"no TLS could be agreed on: {reason} ({step.value})") from error
    except TimeoutError as error:
        raise EndingError(Outcome.TIMEOUT, f"{error} ({step.value})") from error
    except NotHttpError as error:
        raise EndingError(Outcome.NOT_HTTP, f"the answer is not HTTP: '{error}'") from error
    except (EndedError, OSError) as error:
        raise _closed(step) from error


def _closed(step: Step) -> EndingError:
    return EndingError(Outcome.CLOSED, f"the connection was closed without an answer ({step.value})")
