"""The agent's side of a tunnel: outer TLS with a client certificate, CONNECT, inner TLS by memory buffers."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 15


class Outer:
    """One connection to the gateway, nearly always over TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def request(self, text: str) -> str:
        """Send raw bytes and return the head of the answer (or what came before the end)."""
        self.sock.sendall(text.encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer and (part := self.sock.recv(4096)):
            answer += part
        return answer.decode("latin-1")

    def status(self, text: str) -> int:
        """The status of the answer to a raw request."""
        return int(self.request(text).split(" ", 2)[1])

    def connect(self, target: str) -> int:
        """Ask for a tunnel; the status of the answer."""
        return self.status(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")

    def echo(self, text: bytes = b"ping") -> bytes:
        """Through the tunnel and back; empty where it has ended."""
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.sock.sendall(text)
            return self.sock.recv(4096)
        return b""

    def wait_for_end(self) -> bytes:
        """Read until the other side closes."""
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            return self.sock.recv(4096)
        return b""

    def inner_echo(self, name: str, authority_pem: str, text: bytes) -> bytes:
        """Inner TLS (C-03) over the tunnel, the server checked against ``authority_pem``; then an echo."""
        context = ssl.create_default_context(cadata=authority_pem)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = context.wrap_bio(incoming, outgoing, server_hostname=name)
        self._drive(inner.do_handshake, incoming, outgoing)
        self._drive(lambda: inner.write(text), incoming, outgoing)
        return bytes(self._drive(lambda: inner.read(4096), incoming, outgoing))

    def _drive(self, step: object, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> bytes:
        while True:
            try:
                result = step()  # type: ignore[operator]  # a bound method of SSLObject
            except ssl.SSLWantReadError:
                self.sock.sendall(outgoing.read())
                incoming.write(self.sock.recv(65536))
                continue
            self.sock.sendall(outgoing.read())
            return result if isinstance(result, bytes) else b""

    def presented_sha256(self) -> str:
        """Thumbprint of the certificate that the gateway presented, upper-case hex (IG-06)."""
        return hashlib.sha256(self.tls.getpeercert(binary_form=True) or b"").hexdigest().upper()

    @property
    def tls(self) -> ssl.SSLSocket:
        assert isinstance(self.sock, ssl.SSLSocket)
        return self.sock

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def agent_context(credential: Path | None, version: str | None = None) -> ssl.SSLContext:
    """Like the agent's: no CA is asked, the thumbprint is compared afterwards (C-01)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if credential is not None:
        context.load_cert_chain(credential)
    if version is not None:
        only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        context.minimum_version = context.maximum_version = only
    return context


def dial(
    address: tuple[str, int],
    credential: Path | None,
    *,
    sni: str | None = None,
    version: str | None = None,
    context: ssl.SSLContext | None = None,
    session: ssl.SSLSession | None = None,
) -> Outer:
    """Connect and shake hands. ssl.SSLError where the gateway refuses inside the handshake (TLS 1.2)."""
    sock = socket.create_connection(address, timeout=_SECONDS)
    try:
        chosen = context or agent_context(credential, version)
        return Outer(chosen.wrap_socket(sock, server_hostname=sni, session=session))
    except BaseException:
        sock.close()
        raise
