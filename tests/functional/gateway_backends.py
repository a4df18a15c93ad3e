"""Servers behind the gateway: echo over plain TCP or TLS, on a loopback address of their own with the real ports."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from tests.functional.gateway_pki import TestAuthority

if TYPE_CHECKING:
    from pathlib import Path

PORT = 4726
PREFIXED_PORT = 47260


class EchoServer:
    """Echoes on a listening socket until ``close``; TLS if a context is given."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext | None = None) -> None:
        self._listener = listener
        self._context = context
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            stream = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with stream:
                while data := stream.recv(65536):
                    stream.sendall(data)

    def close(self) -> None:
        """End the listener and every connection."""
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def listeners(ports: tuple[int, ...]) -> tuple[str, list[socket.socket]]:
    """Listen on all ``ports`` of one loopback address that has them free."""
    for last in range(2, 250):
        address = f"127.0.0.{last}"
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            opened = [stack.enter_context(socket.create_server((address, port), backlog=64)) for port in ports]
            stack.pop_all()
            return address, opened
    message = f"no loopback address has the ports {ports} free"
    raise OSError(message)


class Backends:
    """ns1:4726 (plain echo), ps1:4726's neighbour ps2:47260 (TLS echo), on one address."""

    def __init__(self, folder: Path) -> None:
        self.authority = TestAuthority("site server root")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = self.authority.issue("ps2.corp.example", server=True).write(folder)
        context.load_cert_chain(certificate)
        self.address, (first, second) = listeners((PORT, PREFIXED_PORT))
        self.servers = [EchoServer(first), EchoServer(second, context)]

    def close(self) -> None:
        for server in self.servers:
            server.close()
