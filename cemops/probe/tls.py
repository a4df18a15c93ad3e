"""A TLS client over any Stream, by memory buffers: TLS inside TLS or SSH is then nothing special.

No socket is handed to the ssl module, so gevent's monkey patching does not matter to it.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

from cemops.errors import PkiError
from cemops.probe.credentials import load_credential
from cemops.probe.presented import PresentedCertificate, certificate_in_records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.probe.streams import Deadline, Stream

_CHUNK = 65536
_HANDSHAKE_KEPT = 262144
"""How much of a handshake is kept to look for the certificate in: more than any chain in use."""

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@lru_cache(maxsize=8)  # a probe asks some forty questions a gateway as three agents, and loading a key takes 3 ms
def outer_context(credential: KeyedCertificate | None, version: str | None = None) -> ssl.SSLContext:
    """For the gateway: no CA is asked, the thumbprint is the trust (C-01); ``version``: that one alone.

    Shared by those who ask for the same: nothing but TLS sessions that are given to it passes from one to the next.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = VERSIONS[version] if version else ssl.TLSVersion.TLSv1_2
    if version:
        context.maximum_version = VERSIONS[version]
    if credential is not None:
        load_credential(context, credential)
    return context


def inner_context(authorities_pem: Iterable[str]) -> ssl.SSLContext:
    """For the server behind the gateway (C-03): verified against ``authorities_pem``, and only them.

    Without any the certificate is only recorded. An authority that is not self-signed is trusted as it
    stands.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    known = "\n".join(authorities_pem)
    if not known:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(cadata=known)
    except ssl.SSLError as error:
        raise PkiError(f"The authority certificates cannot be used for TLS ({error.reason}): give PEM.") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def alert_of(error: ssl.SSLError) -> str | None:
    """Return the name of the alert that the other side sent (``certificate revoked``), None without one.

    OpenSSL says ``TLSV13_ALERT_CERTIFICATE_REQUIRED`` and the like (RFC 8446, 6.2).
    """
    _, found, name = (error.reason or "").partition("_ALERT_")
    return name.replace("_", " ").lower() if found else None


class TlsStream:
    """TLS as a Stream. ``handshake`` first; ssl.SSLError is raised as it comes (it is an OSError)."""

    def __init__(
        self,
        stream: Stream,
        context: ssl.SSLContext,
        *,
        sni: str | None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=sni, session=session)
        self._seen: bytearray | None = bytearray()

    def handshake(self) -> None:
        """Do the handshake. In TLS 1.3 the server may still refuse: on the first ``recv`` (ENGINEERING 3)."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except ssl.SSLError:
                self._flush_quietly()
                raise
            else:
                self._flush()
                break

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._tls.write(rest) :]
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
        self._flush()

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end, be it said by close_notify or by a plain end."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def limit(self, deadline: Deadline) -> None:
        """Replace the deadline."""
        self._stream.limit(deadline)

    def close(self) -> None:
        """Say goodbye without waiting for an answer, and close what is below."""
        try:
            self._tls.unwrap()
        except (OSError, ValueError):
            self._flush_quietly()
        self._stream.close()

    @property
    def presented(self) -> PresentedCertificate | None:
        """The server's certificate, also where the server ended a TLS 1.2 handshake after it had shown it."""
        try:
            der = self._tls.getpeercert(binary_form=True)
        except ValueError:  # the handshake is not done
            return certificate_in_records(bytes(self._seen or b""))
        return PresentedCertificate(der) if der else None

    @property
    def version(self) -> str:
        """``1.2`` or ``1.3``; empty before the handshake."""
        return (self._tls.version() or "").removeprefix("TLSv")

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session to resume with; in TLS 1.3 it comes after the handshake, with the first data read."""
        return self._tls.session

    @property
    def session_reused(self) -> bool:
        """Whether the server took up the session that was offered."""
        return bool(self._tls.session_reused)

    def _fill(self) -> None:
        data = self._stream.recv(_CHUNK)
        if not data:
            self._incoming.write_eof()
            return
        if self._seen is not None and len(self._seen) < _HANDSHAKE_KEPT:
            self._seen += data
        self._incoming.write(data)

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._stream.send(data)

    def _flush_quietly(self) -> None:
        try:
            self._flush()
        except OSError:
            return  # the other side has gone already: there is nobody to tell
