"""One command on an SSH connection: input is sent while output is read, bytes of any kind, one deadline for it all.

pyinfra sends the whole input before it reads a byte, which waits for ever where a command answers early with much;
its deadline covers neither that nor a command that closes its output and stays; and output that is no UTF-8 ends its
reader, so that the rest is missing and the command counts as done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gevent
import paramiko
from pyinfra.connectors.util import CommandOutput, OutputLine

_CHUNK = 1 << 16

Stdin = str | Iterable[str] | None
Said = Callable[[str, str], None]


def exchange(
    transport: paramiko.Transport, command: str, stdin: Stdin, *, seconds: float, said: Said | None = None
) -> tuple[int, CommandOutput]:
    """Run ``command``; return its exit status (-1 where the connection was cut) and its output by lines.

    ``said`` is told of each line: the stream (``stdout``, ``stderr``) and the text. Bytes that are no UTF-8 become
    U+FFFD. Raises TimeoutError after ``seconds``, and SSHException or EOFError where no channel can be had.
    """
    lines: list[OutputLine] = []

    def receive(name: str, receive: Callable[[int], bytes]) -> None:
        _receive(name, receive, lines, said)

    return _exchange(transport, command, _bytes_of(stdin), receive, seconds), CommandOutput(lines)


def exchange_bytes(
    transport: paramiko.Transport, command: str, stdin: bytes, *, seconds: float
) -> tuple[int, bytes, bytes]:
    """Run ``command`` as ``exchange`` does; return its exit status, and its output as it came."""
    output: dict[str, list[bytes]] = {"stdout": [], "stderr": []}

    def receive(name: str, receive: Callable[[int], bytes]) -> None:
        while chunk := receive(_CHUNK):
            output[name].append(chunk)

    status = _exchange(transport, command, stdin, receive, seconds)
    return status, b"".join(output["stdout"]), b"".join(output["stderr"])


def _exchange(
    transport: paramiko.Transport,
    command: str,
    stdin: bytes,
    receive: Callable[[str, Callable[[int], bytes]], None],
    seconds: float,
) -> int:
    workers: list[gevent.Greenlet[..., None]] = []
    channel: paramiko.Channel | None = None
    deadline = gevent.Timeout.start_new(seconds, TimeoutError(f"no end after {seconds:g} s"))
    try:
        channel = transport.open_session(timeout=seconds)
        channel.exec_command(command)
        workers = [
            gevent.spawn(receive, "stdout", channel.recv),
            gevent.spawn(receive, "stderr", channel.recv_stderr),
            gevent.spawn(_send, channel, stdin),
        ]
        gevent.joinall(workers[:2], raise_error=True)
        return channel.recv_exit_status()
    finally:
        deadline.close()
        gevent.killall(workers)
        if channel is not None:
            channel.close()


def _bytes_of(stdin: Stdin) -> bytes:
    """Return the input as pyinfra sends it: every part ends with a line break."""
    if not stdin:
        return b""
    parts = (stdin,) if isinstance(stdin, str) else stdin
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts).encode()


def _send(channel: paramiko.Channel, content: bytes) -> None:
    try:
        channel.sendall(content)
        channel.shutdown_write()
    except (OSError, EOFError, paramiko.SSHException):
        return  # the command ended without reading all of it: its exit status and its output say why


def _receive(name: str, receive: Callable[[int], bytes], lines: list[OutputLine], said: Said | None) -> None:
    rest = b""
    while chunk := receive(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        for line in whole:
            _keep(name, line, lines, said)
    if rest:
        _keep(name, rest, lines, said)


def _keep(name: str, line: bytes, lines: list[OutputLine], said: Said | None) -> None:
    text = line.decode("utf-8", "replace")
    lines.append(OutputLine(name, text))
    if said is not None:
        said(name, text)
