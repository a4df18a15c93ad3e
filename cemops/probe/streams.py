"""Byte streams the agent talks through: a TCP socket, an SSH direct-tcpip channel, and TLS over either.

One protocol for all of them, so that a rehearsal behind SSH and a gateway on the Internet are probed by
the same code. Every wait is bounded by one deadline for the whole attempt, never by a timeout for each
read: a server that sends one byte now and then cannot hold the probe.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from paramiko.ssh_exception import SSHException

if TYPE_CHECKING:
    from collections.abc import Callable

    from paramiko import Transport


@dataclass(frozen=True)
class Deadline:
    """A point on the monotonic clock until which an attempt may take."""

    seconds: float
    """How long the attempt may take as a whole; said in failure texts."""
    end: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Start now."""
        return cls(seconds, time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds that are left; TimeoutError when there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no answer within {self.seconds:g} s")
        return left


class Stream(Protocol):
    """Bytes both ways. Failures are OSError; a deadline that has passed is TimeoutError (an OSError too)."""

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes, at least one; ``b""`` when the other side has ended."""

    def limit(self, deadline: Deadline) -> None:
        """From now on no call waits longer than until ``deadline``."""

    def close(self) -> None:
        """End the stream; never raises, and may be called again."""


class RawConnection(Protocol):
    """What a socket and a paramiko channel have in common."""

    def send(self, data: bytes, /) -> int:
        """Send some of ``data``; how much. A closed channel answers 0."""

    def recv(self, size: int, /) -> bytes:
        """Receive up to ``size`` bytes."""

    def settimeout(self, seconds: float, /) -> None:
        """Limit each of the two calls above."""

    def close(self) -> None:
        """End the connection."""


class SocketStream:
    """A socket, or a paramiko channel, as a Stream."""

    def __init__(self, raw: RawConnection, deadline: Deadline) -> None:
        self._raw = raw
        self._deadline = deadline

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        rest = memoryview(data)
        while rest:
            self._raw.settimeout(self._deadline.remaining())
            try:
                sent = self._raw.send(bytes(rest))
            except TimeoutError as error:
                raise self._late() from error
            if sent == 0:
                raise ConnectionResetError("the connection was closed while sending")
            rest = rest[sent:]

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes."""
        self._raw.settimeout(self._deadline.remaining())
        try:
            return self._raw.recv(size)
        except TimeoutError as error:
            raise self._late() from error

    def limit(self, deadline: Deadline) -> None:
        """Replace the deadline."""
        self._deadline = deadline

    def close(self) -> None:
        """Close the connection."""
        try:
            self._raw.close()
        except (OSError, SSHException):
            return  # it is gone, which is what was wanted

    def _late(self) -> TimeoutError:
        return TimeoutError(f"no answer within {self._deadline.seconds:g} s")


class ReplayedStream:
    """A stream of which some bytes were read too early: they are read again first."""

    def __init__(self, early: bytes, stream: Stream) -> None:
        self._early = early
        self._stream = stream

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._stream.send(data)

    def recv(self, size: int) -> bytes:
        """Return what was read early, then the stream's bytes."""
        if not self._early:
            return self._stream.recv(size)
        data, self._early = self._early[:size], self._early[size:]
        return data

    def limit(self, deadline: Deadline) -> None:
        """Replace the deadline."""
        self._stream.limit(deadline)

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()


def tcp_dial(address: str, port: int, *, timeout: float) -> Callable[[], Stream]:
    """How to dial ``address`` (an IP address is never looked up) on ``port`` within ``timeout`` seconds."""

    def dial() -> Stream:
        deadline = Deadline.after(timeout)
        connection = socket.create_connection((address, port), timeout=deadline.remaining())
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return SocketStream(connection, deadline)

    return dial


def ssh_dial(transport: Transport, address: str, port: int, *, timeout: float) -> Callable[[], Stream]:
    """How to dial ``address:port`` from the host at the other end of ``transport`` (direct-tcpip)."""

    def dial() -> Stream:
        deadline = Deadline.after(timeout)
        try:
            channel = transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=deadline.remaining()
            )
        except (SSHException, EOFError) as error:
            raise ConnectionError(
                f"the SSH server did not forward to {endpoint_text(address, port)}: {error}"
            ) from error
        return SocketStream(channel, deadline)

    return dial


def endpoint_text(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address, as CONNECT and people write it."""
    return f"[{host}]:{port}" if is_ip_address(host) and ":" in host else f"{host}:{port}"


def is_ip_address(text: str) -> bool:
    """Whether ``text`` is an IP address and so needs no name service."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
