"""Stand-ins of Windows machines as forks of one process that has imported them: 0.25 s cheaper each.

How the program itself starts and ends, test_machine_process shows. As a program it reads one JSON object a line
(``folder``, ``log``), forks, and answers with the fork's number.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path

from cemops.lab.windows import machine_process

ROOT = Path(__file__).parents[3]


class ForkedMachine:
    """A running stand-in; somebody else's child, so it is held by a descriptor."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def __del__(self) -> None:
        os.close(self._descriptor)

    def ends_within(self, seconds: float) -> bool:
        ended, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ended)

    def terminate(self) -> None:
        signal.pidfd_send_signal(self._descriptor, signal.SIGTERM)

    def kill(self) -> None:
        signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)


def start_machine(folder: Path) -> ForkedMachine:
    """Start the stand-in whose folder it is; it says what it has to say in its ``log``."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps({"folder": str(folder), "log": str(folder / "log")}) + "\n")
    server.stdin.flush()
    return ForkedMachine(int(server.stdout.readline()))  # it is not reaped before the next one starts


@cache
def _server() -> subprocess.Popen[str]:
    """The process that forks, which ends when this one does."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.functional.windows.machine_forks"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[str]) -> None:
    server.kill()
    server.wait()
    for pipe in (server.stdin, server.stdout):
        if pipe is not None:
            pipe.close()


def _become(request: dict[str, str]) -> None:
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for opened, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(opened, number)
    sys.argv = ["machine_process", "--folder", request["folder"]]
    code = machine_process.main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Fork on request until nobody asks any more."""
    forks: set[int] = set()
    for line in sys.stdin:
        for ended in [pid for pid in forks if os.waitpid(pid, os.WNOHANG)[0]]:
            forks.remove(ended)
        pid = os.fork()
        if pid == 0:
            try:
                _become(json.loads(line))
            except BaseException:  # noqa: BLE001 - whatever it is, it must be seen, and this fork must end here
                traceback.print_exc()
            finally:
                os._exit(70)
        forks.add(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
