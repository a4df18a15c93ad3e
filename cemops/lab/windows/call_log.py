"""A record of every change that somebody asked a stand-in for: ``calls.log`` in its folder, a line for each call.

The lines are those of docs/windows-payload.md, passwords not shown. A line is written before anything is done, so that
the call at which a machine died is the last one. Two runs with the same number of lines changed nothing between them.
"""

from __future__ import annotations

import os
from pathlib import Path

from cemops.lab.windows.leaf_calls import DIED
from cemops.lab.windows.writing_leaves import Leaves

CALLS_FILE = "calls.log"


class LoggedLeaves(Leaves):
    """Leaves whose writing calls are kept on disk, too."""

    def called(self, line: str) -> None:
        """Take note of a call."""
        super().called(line)
        file = os.open(self.machine.folder / CALLS_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)
        if self.faults().dies_at == len(read_calls(self.machine.folder)):
            os._exit(DIED)


def read_calls(folder: Path) -> list[str]:
    """Return the calls of a machine's whole life, the oldest first."""
    try:
        return (folder / CALLS_FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
