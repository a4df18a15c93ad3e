"""What every machine of a lab has in common: it starts processes of its own and can tell when they answer."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cemops.errors import CemopsError
from cemops.lab.folder import LabProcess
from cemops.lab.processes import POLL_SECONDS, identify

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

READY_SECONDS = 20.0
"""How long a server may take until it answers."""
_LOG_TAIL = 600


@dataclass(frozen=True)
class Started:
    """A process that was started and is now to be waited for."""

    record: LabProcess
    process: subprocess.Popen[bytes]
    log: Path
    answers: Callable[[], bool]
    """Whether the server answers now as it should; refusals and timeouts are OSError or False."""


class Machine(Protocol):
    """One machine (or a few addresses of one) that the lab stands up."""

    def prepare(self) -> None:
        """Write its files."""

    def start(self) -> tuple[Started, ...]:
        """Start its processes, without waiting for them."""


def record(host: str, role: str, addresses: tuple[str, ...], process: subprocess.Popen[bytes]) -> LabProcess | None:
    """Return the record of a process just started; None if it has ended already."""
    identity = identify(process.pid)
    return None if identity is None else LabProcess(host, role, addresses, identity)


def _tail(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
    except OSError:
        return ""
    return text.splitlines()[-1] if text else ""


def ended_early(host: str, role: str, log: Path) -> CemopsError:
    """Return the error for a process that ended by itself, with the last line that it wrote."""
    said = _tail(log) or "nothing"
    return CemopsError(f"the {role} of {host} ended at once; it said: {said} (whole log: {log})")


def wait_until_ready(started: tuple[Started, ...]) -> None:
    """Wait until each server answers. Raises CemopsError if one ends or does not answer in READY_SECONDS."""
    deadline = time.monotonic() + READY_SECONDS
    for one in started:
        host, role = one.record.host, one.record.role
        while not _answers(one):
            if one.process.poll() is not None:
                raise ended_early(host, role, one.log)
            if time.monotonic() > deadline:
                raise CemopsError(
                    f"the {role} of {host} does not answer on {', '.join(one.record.addresses)}; its log: {one.log}"
                )
            time.sleep(POLL_SECONDS)


def _answers(one: Started) -> bool:
    try:
        return one.answers()
    except OSError:
        return False


def speaks_ssh(address: str, port: int) -> bool:
    """Tell whether an SSH server greets there."""
    with socket.create_connection((address, port), timeout=2) as connection:
        return connection.recv(4) == b"SSH-"


def shows_certificate(address: str, port: int, certificate: bytes) -> bool:
    """Tell whether a TLS server shows this very certificate (PEM) there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # a default one would read the system's CAs, which takes 25 ms
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # compared with the one that is expected
    with (
        socket.create_connection((address, port), timeout=2) as connection,
        context.wrap_socket(connection) as server,
    ):
        shown = server.getpeercert(binary_form=True)
    return shown == ssl.PEM_cert_to_DER_cert(certificate.decode("ascii"))
