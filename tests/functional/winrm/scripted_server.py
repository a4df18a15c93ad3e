"""A server that says what a test has written down, over TLS or not: what no WinRM endpoint would do."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.functional.winrm.winrm_bench import ADDRESS, Pair

Say = Callable[[socket.socket, int], None]
"""Answers one request, of which it is told the number on its connection (from 0); or cuts, or waits."""


@dataclass
class Scripted:
    """What came to the server."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def scripted(say: Say, pair: Pair | None, greeting: bytes = b"") -> Iterator[Scripted]:
    """A server until the end of the block; ``greeting`` is said at once to who connects, before any TLS."""
    context = None
    if pair is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
    with socket.create_server((ADDRESS, 0)) as listener:
        server = Scripted(listener.getsockname()[1])
        threads: list[threading.Thread] = []

        def accept() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    server.connections += 1
                    connection.sendall(greeting)
                    threads.append(threading.Thread(target=_serve, args=(connection, context, say, server)))
                    threads[-1].start()
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for one in threads:
                one.join(5)


def _serve(connection: socket.socket, context: ssl.SSLContext | None, say: Say, server: Scripted) -> None:
    with connection:
        try:
            connection.settimeout(30)
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            number = 0
            while request := _request(connection):
                server.requests.append(request)
                say(connection, number)
                number += 1
        except OSError:
            return
        finally:
            connection.close()


def _request(connection: socket.socket) -> bytes:
    """One request, head and body; nothing where the client has gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < wanted:
        chunk = connection.recv(65536)
        if not chunk:
            break
        body += chunk
    return head + b"\r\n\r\n" + body


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def always(content: bytes) -> Say:
    """The same answer to everything."""
    return lambda connection, _: connection.sendall(content)


def cuts(connection: socket.socket, number: int) -> None:
    """No answer, and the end."""
    del number
    connection.shutdown(socket.SHUT_RDWR)


def silent(connection: socket.socket, number: int) -> None:
    """No answer; the client has to go first."""
    del number
    connection.recv(1)


def drips(content: bytes, pause: float) -> Say:
    """The answer, byte by byte: no single wait for it is long."""

    def say(connection: socket.socket, number: int) -> None:
        del number
        for byte in content:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return say


def fault(code: int, reason: str) -> bytes:
    """A SOAP fault of Windows."""
    body = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code>'
        "<s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>"
        f"{reason}</s:Text></s:Reason><s:Detail>"
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}"/>'
        "</s:Detail></s:Fault></s:Body></s:Envelope>"
    )
    return answer("500 Internal Server Error", body.encode(), "Content-Type: application/soap+xml;charset=UTF-8")
