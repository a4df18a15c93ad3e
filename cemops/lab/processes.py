"""The lab's processes: who they are, how strays are recognised, how they are ended.

A pid alone is no identity (pids are used again), so a process is the pair of pid and start time
(``/proc/PID/stat``, field 22, clock ticks since boot). What was started without being recorded (``up``
killed in between, everything that came to life through an ssh session: httpd, dead-man timers) is
recognised by the environment variable ``CEMOPS_LAB=<folder>``, which the lab gives to each process and
which each sshd sets in its sessions. sshd itself overwrites its environment with its title; it is
recognised by its standard error, the log in the lab's folder; httpd also by the configuration file that
its command line names. Nothing else is ever signalled.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cemops.errors import CemopsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARKER_VARIABLE = "CEMOPS_LAB"
END_SECONDS = 10.0
"""How long ``end_all`` takes at most, half of it before it kills."""
POLL_SECONDS = 0.02

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessIdentity:
    """One process: its pid, and when it started in clock ticks since boot."""

    pid: int
    start_time: int


def boot_id() -> str:
    """Return the kernel's id of this boot: start times mean nothing in another one."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _stat_fields(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/PID/stat`` after the command's name, the state first."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a living process; None for one that is gone or only waits to be reaped."""
    fields = _stat_fields(pid)
    if fields is None or fields[0] in {"Z", "X"}:
        return None
    return ProcessIdentity(pid, int(fields[19]))


def is_alive(identity: ProcessIdentity) -> bool:
    """Tell whether this very process still runs."""
    return identify(identity.pid) == identity


def start(arguments: list[str], folder: Path, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a marked process in a session of its own, with its output in ``log``.

    Raises CemopsError if the program cannot be run.
    """
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={**environment, MARKER_VARIABLE: str(folder)},
                start_new_session=True,
                umask=0o022,
            )
        except OSError as error:
            raise CemopsError(
                f"{arguments[0]} could not be started: {error.strerror}; check that it is installed"
            ) from error


def _pids() -> Iterator[int]:
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            yield int(entry.name)


def belongs_to(pid: int, folder: Path) -> bool:
    """Tell whether the process is one of the lab in ``folder``; False for one that may not be looked at."""
    return _has_marker(pid, folder) or _is_sshd_of(pid, folder) or _is_httpd_of(pid, folder)


def _has_marker(pid: int, folder: Path) -> bool:
    """Tell whether the process carries this lab's marker in its environment."""
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARKER_VARIABLE}={folder}".encode() in environment.split(b"\0")


def _is_sshd_of(pid: int, folder: Path) -> bool:
    try:
        program = (_PROC / str(pid) / "comm").read_text(encoding="ascii", errors="replace").strip()
        if not program.startswith("sshd"):
            return False
        errors = str((_PROC / str(pid) / "fd/2").readlink())
    except OSError:
        return False
    return errors.startswith(f"{folder}/")


def _is_httpd_of(pid: int, folder: Path) -> bool:
    """Tell whether it is an httpd that a file of the lab configures; its environment may be cleared."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0].rpartition(b"/")[2] in {b"apache2", b"httpd"} and any(
        word.startswith(f"{folder}/".encode()) for word in words[1:]
    )


def marked_processes(folder: Path) -> tuple[ProcessIdentity, ...]:
    """Return the living processes of the lab in ``folder``, except this one."""
    found = (identify(pid) for pid in _pids() if pid != os.getpid() and belongs_to(pid, folder))
    return tuple(identity for identity in found if identity is not None)


def _reap(pid: int) -> None:
    """Take the exit status of a child of ours, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _signal(identity: ProcessIdentity, number: signal.Signals) -> None:
    """Signal the process through a pidfd: between check and signal the pid cannot pass to another one."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    try:
        if is_alive(identity):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def end_all(recorded: Iterable[ProcessIdentity], folder: Path) -> int:
    """End the recorded processes and every marked one, and return how many there were.

    Asks (SIGTERM) for half of END_SECONDS and then kills; looks again until nothing is left, because a dying
    dead-man timer may have started an httpd in between. Raises CemopsError if something outlives END_SECONDS.
    """
    known = set(recorded)
    asked: set[ProcessIdentity] = set()
    begin = time.monotonic()
    while True:
        known.update(marked_processes(folder))
        living = {identity for identity in known if is_alive(identity)}
        if not living:
            break
        waited = time.monotonic() - begin
        if waited > END_SECONDS:
            pids = ", ".join(str(identity.pid) for identity in living)
            raise CemopsError(f"processes {pids} of the lab in {folder} cannot be ended: end them by hand")
        for identity in living:
            if waited > END_SECONDS / 2:
                _signal(identity, signal.SIGKILL)
            elif identity not in asked:
                asked.add(identity)
                _signal(identity, signal.SIGTERM)
        time.sleep(POLL_SECONDS)
        for identity in living:
            _reap(identity.pid)
    for identity in known:
        _reap(identity.pid)
    return len(asked)
