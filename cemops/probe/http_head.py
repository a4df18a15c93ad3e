"""The gateway's answer to CONNECT: a status line from a server that may be anything (RFC 9112, 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cemops.probe.streams import Stream

HEAD_LIMIT = 16384
"""Bytes. A head that is longer is not one (httpd's own limit is half of it)."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_SHOWN = 60


@dataclass(frozen=True)
class Head:
    """A status, and the bytes that came after the head."""

    status: int
    reason: str
    rest: bytes = b""


class NotHttpError(Exception):
    """The answer is not HTTP; ``args[0]`` is what came, as text that is safe to print."""


class EndedError(Exception):
    """The other side ended the connection before it had answered."""


def read_head(stream: Stream) -> Head:
    """Read the answer's head. Raises NotHttpError, EndedError, and what the stream raises."""
    received = b""
    while True:
        chunk = stream.recv(4096)
        if not chunk:
            if not received:
                raise EndedError
            raise NotHttpError(printable(received))
        received += chunk
        head = parse_head(received)
        if head is not None:
            return head


def parse_head(received: bytes) -> Head | None:
    """Return the head in ``received``, None while it is not whole.

    Raises NotHttpError as soon as it cannot become one.
    """
    if not b"HTTP/1.".startswith(received[:7]):
        raise NotHttpError(printable(received))
    end = _HEAD_END.search(received)
    if end is None:
        if len(received) > HEAD_LIMIT:
            raise NotHttpError(printable(received))
        return None
    line = _STATUS_LINE.match(received)
    if line is None:
        raise NotHttpError(printable(received))
    return Head(int(line[1]), printable(line[2] or b""), received[end.end() :])


def printable(data: bytes) -> str:
    """Return the start of ``data`` in one line of plain ASCII: nothing sent steers a terminal or a log."""
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data[:_SHOWN])  # noqa: PLR2004 - the edges of ASCII
    return text + ("..." if len(data) > _SHOWN else "")
