"""Streams: everything is sent, every wait is bounded by one deadline, failures are OSError."""

from __future__ import annotations

import pytest

from cemops.probe.streams import Deadline, ReplayedStream, SocketStream, endpoint_text, is_ip_address


class Raw:
    """A connection that takes three bytes at a time and gives what was prepared."""

    def __init__(self, *pieces: bytes | Exception, takes: int = 3) -> None:
        self.sent = b""
        self.timeouts: list[float] = []
        self.closed = 0
        self._pieces = list(pieces)
        self._takes = takes

    def send(self, data: bytes) -> int:
        self.sent += data[: self._takes]
        return len(data[: self._takes])

    def recv(self, size: int) -> bytes:
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        assert len(piece) <= size
        return piece

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def close(self) -> None:
        self.closed += 1
        if self.closed > 1:
            raise OSError("closed twice")


def test_all_bytes_are_sent_though_the_connection_takes_few() -> None:
    raw = Raw()
    SocketStream(raw, Deadline.after(5)).send(b"0123456789")
    assert raw.sent == b"0123456789"
    assert all(0 < seconds <= 5 for seconds in raw.timeouts)


def test_a_channel_that_takes_nothing_is_closed() -> None:
    with pytest.raises(ConnectionError):
        SocketStream(Raw(takes=0), Deadline.after(5)).send(b"x")


def test_a_read_that_times_out_says_how_long_the_attempt_might_take() -> None:
    with pytest.raises(TimeoutError, match=r"^no answer within 5 s$"):
        SocketStream(Raw(TimeoutError("timed out")), Deadline.after(5)).recv(10)


def test_after_the_deadline_nothing_is_read_though_bytes_are_there() -> None:
    stream = SocketStream(Raw(b"late"), Deadline(0.1, 0.0))
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.1 s$"):
        stream.recv(10)
    stream.limit(Deadline.after(5))
    assert stream.recv(10) == b"late"


def test_closing_twice_is_no_error() -> None:
    stream = SocketStream(Raw(), Deadline.after(5))
    stream.close()
    stream.close()


def test_bytes_read_too_early_come_first() -> None:
    stream = ReplayedStream(b"early", SocketStream(Raw(b"later"), Deadline.after(5)))
    assert [stream.recv(3), stream.recv(3), stream.recv(10)] == [b"ear", b"ly", b"later"]


@pytest.mark.parametrize(
    ("host", "text", "is_address"),
    [
        ("ns1.corp", "ns1.corp:4726", False),
        ("10.0.0.1", "10.0.0.1:4726", True),
        ("fd00::1", "[fd00::1]:4726", True),
        ("1.2.3", "1.2.3:4726", False),
    ],
)
def test_endpoints_are_written_as_connect_writes_them(host: str, text: str, is_address: bool) -> None:
    assert endpoint_text(host, 4726) == text
    assert is_ip_address(host) is is_address
