"""What a web server of the lab answers, as the agent site of an NS or the CEM binding of a site server (P-02, SS-01).

To each request it says who it is, as JSON, so that a tunnel is seen to end at the right server and no other. A
connection stays open for as many requests as the client wants, as a persistent one does (C-05).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

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
