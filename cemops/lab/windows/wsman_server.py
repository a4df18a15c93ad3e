"""The WinRM endpoint of a stand-in: HTTP(S) around WsmanService, with the logons of a real one.

Basic and client certificates over TLS only; without TLS sealed messages only. Negotiate logs a connection on, not
a request (MS-WSMV, MS-NTHT). One thread serves one connection; everything that a client can make larger or longer
has a limit.
"""

from __future__ import annotations

import base64
import socket
import ssl
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cemops.lab.windows.wsman_faults import WsmanFaultError
from cemops.lab.windows.wsman_logons import Accounts, Negotiation
from cemops.lab.windows.wsman_messages import identify_response
from cemops.lab.windows.wsman_sealing import SEALED_TYPE, SealingContext, is_sealed, seal, unseal
from cemops.lab.windows.wsman_service import WsmanService

MAX_CONNECTIONS = 200
IDLE_SECONDS = 120.0
"""How long a connection may be silent, as http.sys has it."""
_HANDSHAKE_SECONDS = 15.0
_MAX_BODY = 16 * 1024 * 1024
"""Octets of a request that are read at all; what is larger than an envelope may be is answered with a fault."""
_POLL_SECONDS = 0.05
_SOAP_TYPE = "application/soap+xml;charset=UTF-8"
MUTUAL_TLS = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
"""What a client that logs on by its certificate sends as its authorization."""
_REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found", 411: "Length Required", 500: "Internal Server Error"}


def tls_context(certificate: Path, key: Path, client_authority: Path | None = None) -> ssl.SSLContext:
    """Return a server's context of TLS 1.2 and 1.3 with the certificate and key (PEM files).

    With ``client_authority`` (PEM file) it asks clients for a certificate, and takes none as well.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authority is not None:
        context.load_verify_locations(cafile=client_authority)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


class _Connection(BaseHTTPRequestHandler):
    """One connection, with whom it belongs to."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: WsmanServer

    def setup(self) -> None:
        self.user: str | None = None
        self.negotiation: Negotiation | None = None
        self.sealing: SealingContext | None = None
        if self.server.tls is not None:
            self.request.settimeout(_HANDSHAKE_SECONDS)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.server.keep(self.request)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.drop(self.request)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing: requests hold what nobody should read in a log."""

    def do_POST(self) -> None:
        """Answer one message."""
        service = self.server.service
        service.counters.add("requests")
        try:
            self._answer(service)
        finally:
            service.counters.publish()  # what had no answer, too

    def _answer(self, service: WsmanService) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self._respond(411, b"", close=True)
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return
        service.counters.add("octets_in", len(body))
        if self.path.partition("?")[0].rstrip("/") != "/wsman":
            self._respond(404, b"")
            return
        if self.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated":
            self._respond(200, identify_response())
            return
        user, token = self._log_on()
        challenges = () if token is None else (f"Negotiate {base64.b64encode(token).decode('ascii')}",)
        if user is None:
            self._respond(401, b"", challenges=challenges or self.server.challenges)
        elif not body:
            self._respond(200, b"", challenges=challenges)  # a client that only logs on, to seal what follows
        else:
            self._operate(body, user, challenges)

    def _operate(self, body: bytes, user: str, challenges: tuple[str, ...]) -> None:
        service = self.server.service
        sealing = self.sealing if is_sealed(self.headers.get("Content-Type", "")) else None
        if self.server.tls is None and sealing is None:
            self._respond(401, b"", challenges=self.server.challenges)  # AllowUnencrypted is false
            return
        try:
            message = body if sealing is None else unseal(body, sealing)
        except WsmanFaultError as fault:
            answer = service.refuse(fault)
        else:
            answer = service.answer(message, user)
        stopping = self.server.stopping.wait(service.behaviour.answer_delay_seconds)
        if stopping or answer.action in service.behaviour.hang_up_on:
            self.close_connection = True
        elif sealing is None:
            self._respond(answer.status, answer.body, challenges=challenges)
        else:
            self._respond(answer.status, seal(answer.body, sealing), challenges=challenges, kind=SEALED_TYPE)

    def _log_on(self) -> tuple[str | None, bytes | None]:
        """Return the user that this request belongs to (None: nobody yet), and a token for the client."""
        scheme, _, credentials = self.headers.get("Authorization", "").strip().partition(" ")
        counters = self.server.service.counters
        if not scheme:
            return self.user, None
        self.user, self.sealing = None, None
        if scheme == MUTUAL_TLS and isinstance(self.request, ssl.SSLSocket):
            user = self.server.accounts.certificate(self.request.getpeercert(binary_form=True))
            counters.add("failed_logons" if user is None else "logons")
            return user, None
        if scheme.lower() == "basic" and self.server.tls is not None:
            user = self.server.accounts.basic(credentials.strip())
            counters.add("failed_logons" if user is None else "logons")
            return user, None
        if scheme.lower() not in {"negotiate", "ntlm"}:
            return None, None
        if self.negotiation is None:
            self.negotiation = Negotiation(self.server.accounts)
        step = self.negotiation.step(credentials.strip())
        if step.refused or step.user is not None:
            self.negotiation = None
            counters.add("failed_logons" if step.refused else "logons")
        self.user, self.sealing = step.user, step.sealing
        return step.user, step.token

    def _respond(
        self,
        status: int,
        body: bytes,
        *,
        challenges: tuple[str, ...] = (),
        kind: str = _SOAP_TYPE,
        close: bool = False,
    ) -> None:
        """Write one response in one piece."""
        head = [f"HTTP/1.1 {status} {_REASONS[status]}", "Server: cemops lab stand-in"]
        head += [f"WWW-Authenticate: {challenge}" for challenge in challenges]
        if body:
            head.append(f"Content-Type: {kind}")
        if close:
            self.close_connection = True
            head.append("Connection: close")
        head.append(f"Content-Length: {len(body)}")
        counters = self.server.service.counters
        counters.add("octets_out", len(body))
        counters.publish()  # before the answer: who has it finds its request counted
        self.wfile.write("\r\n".join(head).encode("ascii") + b"\r\n\r\n" + body)


class WsmanServer(ThreadingHTTPServer):
    """The endpoint on one address and port (0: one that the kernel chooses); ``start`` and ``stop`` it."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], service: WsmanService, accounts: Accounts, tls: ssl.SSLContext | None
    ) -> None:
        self.service = service
        self.accounts = accounts
        self.tls = tls
        self.stopping = threading.Event()
        self.challenges = ("Negotiate", 'Basic realm="WSMAN"') if tls is not None else ("Negotiate",)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        super().__init__(address, _Connection)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def server_bind(self) -> None:
        """Bind, without asking the DNS for the address's name as the base class does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), name="wsman", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, cut every connection and end every shell."""
        self.stopping.set()
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        self.cut_connections()
        self.service.shells.close_all()
        self.accounts.close()

    def cut_connections(self) -> None:
        """Cut every open connection, as a network that fails does; the endpoint goes on."""
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def keep(self, connection: socket.socket) -> None:
        """Note an open connection. Raises ConnectionAbortedError if there are too many."""
        self.service.counters.add("connections")
        with self._lock:
            self._open.add(connection)
            too_many = len(self._open) > MAX_CONNECTIONS
        if too_many or self.stopping.is_set():
            self.drop(connection)
            raise ConnectionAbortedError("too many connections")

    def drop(self, connection: socket.socket) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(connection)
        _shut(connection)
        connection.close()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  # the base's parameters
        """Let a client that vanished, or cannot do TLS, go; an error of the stand-in goes to the log, without data."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):  # ssl.SSLError is one
            return
        for line in traceback.format_tb(error.__traceback__ if error is not None else None):
            print(line.splitlines()[0].strip(), file=sys.stderr)
        print(f"wsman: an error of the stand-in: {type(error).__name__}", file=sys.stderr)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
