"""What a WinRM shell runs, and what comes of it: the seam between the endpoint and the machine behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CMD_LINE_LIMIT = 8191
"""Characters of a command line that cmd.exe takes; beyond, it says so and runs nothing."""
PROCESS_LINE_LIMIT = 32767
"""Characters of a command line that Windows takes at all."""


@dataclass(frozen=True)
class CommandLine:
    """One command line: the command and its arguments, joined by spaces as WinRM does it."""

    text: str
    skips_cmd: bool
    """Whether the client asked for the program itself (WINRS_SKIP_CMD_SHELL) rather than for cmd.exe."""


@dataclass(frozen=True, repr=False)
class CommandResult:
    """What a command left: its output is not shown in reprs, since it may hold anything."""

    stdout: bytes
    stderr: bytes = b""
    exit_code: int = 0


CommandHandler = Callable[[CommandLine, bytes], CommandResult]
"""Runs one command with the whole of its stdin. Called from several threads at once."""
