"""Reading a status line from a server that may be anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.probe.http_head import HEAD_LIMIT, EndedError, Head, NotHttpError, parse_head, printable, read_head


class Pieces:
    """A stream that gives prepared pieces, then ends."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def recv(self, size: int) -> bytes:
        assert size > 0
        return self._pieces.pop(0) if self._pieces else b""


@pytest.mark.parametrize(
    ("received", "head"),
    [
        (b"HTTP/1.1 200 Connection established\r\n\r\n", Head(200, "Connection established")),
        (b"HTTP/1.0 403 Forbidden\r\nServer: x\r\n\r\n<html>", Head(403, "Forbidden", b"<html>")),
        (b"HTTP/1.1 200\r\n\r\n", Head(200, "")),
        (b"HTTP/1.1 200 \r\n\r\n\x16\x03", Head(200, "", b"\x16\x03")),
        (b"HTTP/1.1 502 Proxy Error\nA: b\n\n", Head(502, "Proxy Error")),
        (b"HTTP/1.1 403 \x1b[2J\xe2\x80\xae\r\n\r\n", Head(403, ".[2J...")),
    ],
)
def test_a_whole_head_is_read(received: bytes, head: Head) -> None:
    assert parse_head(received) == head


@pytest.mark.parametrize("received", [b"", b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
def test_an_unfinished_head_needs_more(received: bytes) -> None:
    assert parse_head(received) is None


@pytest.mark.parametrize(
    "received",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 \xb2\xb0\xb0 OK\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\rX\r\n\r\n",
        b"HTTP/1.1 " + b"9" * HEAD_LIMIT,
    ],
)
def test_what_is_not_http_is_told_as_such(received: bytes) -> None:
    with pytest.raises(NotHttpError) as caught:
        parse_head(received)
    assert caught.value.args[0].isascii()
    assert len(caught.value.args[0]) <= 63


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"HTTP/1.1 200 " + tail))
def test_no_bytes_break_the_reader(received: bytes) -> None:
    try:
        head = parse_head(received)
    except NotHttpError:
        return
    assert head is None or (100 <= head.status <= 999 and head.reason.isprintable() and head.reason.isascii())


@given(st.binary(max_size=300))
def test_shown_bytes_never_steer_a_terminal(data: bytes) -> None:
    assert printable(data).isascii()
    assert printable(data).isprintable()


def test_a_head_in_single_bytes_is_read() -> None:
    whole = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    stream = Pieces(*(whole[index : index + 1] for index in range(len(whole))))
    assert read_head(stream) == Head(403, "Forbidden")  # type: ignore[arg-type]  # only recv is used


def test_an_end_without_an_answer_is_told_apart_from_a_broken_answer() -> None:
    with pytest.raises(EndedError):
        read_head(Pieces())  # type: ignore[arg-type]  # only recv is used
    with pytest.raises(NotHttpError):
        read_head(Pieces(b"HTTP/1.1 2"))  # type: ignore[arg-type]  # only recv is used
