"""A TLS server that stands for the agent site of an NS or the CEM binding of a site server (P-02, SS-01).

``python -m cemops.lab.tls_server`` is a process of its own, with nothing but the standard library. To each
request it answers who it is, as JSON, so that a tunnel is seen to end at the right server and no other. A
connection stays open for as many requests as the client wants, as a persistent one does (C-05).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
from dataclasses import dataclass
from pathlib import Path

MAX_REQUEST = 65536
"""Octets of request head or body that are read before the connection is closed."""


@dataclass(frozen=True)
class Identity:
    """Who the server says it is."""

    server: str
    fqdn: str
    port: int

    def response(self, method: str) -> bytes:
        """Return one HTTP response that names the server."""
        body = json.dumps({"server": self.server, "fqdn": self.fqdn, "port": self.port}).encode() + b"\n"
        head = (
            f"HTTP/1.1 200 OK\r\nServer: {self.server}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
        ).encode("ascii")
        return head if method == "HEAD" else head + body


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0


async def answer_requests(identity: Identity, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of one connection until the client ends it, or sends what is no request."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _content_length(head)
            if length > MAX_REQUEST:
                break
            await reader.readexactly(length)
            writer.write(identity.response(head.split(b" ", 1)[0].decode("ascii", "replace")))
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        pass  # the client is gone, or does not speak HTTP: nothing to tell it
    finally:
        writer.close()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the server's TLS 1.2/1.3 context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


async def serve(identity: Identity, address: str, context: ssl.SSLContext) -> None:
    """Listen until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(
        lambda reader, writer: answer_requests(identity, reader, writer),
        address,
        identity.port,
        ssl=context,
        limit=MAX_REQUEST,
        backlog=1024,
    )
    await stop.wait()
    server.close()


def main() -> None:
    """Run the server that the command line describes; it names files, never secrets."""
    parser = argparse.ArgumentParser(prog="python -m cemops.lab.tls_server", description=__doc__)
    parser.add_argument("--server", required=True, help="name in the estate, such as ns1")
    parser.add_argument("--fqdn", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--certificate", required=True, type=Path)
    parser.add_argument("--key", required=True, type=Path)
    arguments = parser.parse_args()
    identity = Identity(arguments.server, arguments.fqdn, arguments.port)
    context = tls_context(arguments.certificate, arguments.key)
    asyncio.run(serve(identity, arguments.address, context))


if __name__ == "__main__":
    main()
