"""The shells of an endpoint and the commands in them: stdin collected, handed over, output given out in pieces."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass

from cemops.lab.windows import wsman_faults
from cemops.lab.windows.command_line import CommandHandler, CommandLine, CommandResult

MAX_SHELLS_PER_USER = 30
"""Windows' default since 2012."""
MAX_COMMANDS_PER_SHELL = 50
MAX_STDIN = 64 * 1024 * 1024
"""Octets of stdin that a command takes; a real one has no such limit, a stand-in needs one."""
DEFAULT_IDLE_SECONDS = 7200.0
CONTROL_C_EXIT = -1073741510
"""STATUS_CONTROL_C_EXIT, as a signed number."""
_CRASHED = b"the stand-in failed: "


@dataclass(frozen=True, repr=False)
class Output:
    """What one Receive gives out; ``exit_code`` is None as long as there is more to come."""

    stdout: bytes
    stderr: bytes
    exit_code: int | None


class ShellCommand:
    """One command: it runs, in a thread of its own, once its stdin has ended."""

    def __init__(self, line: CommandLine, handler: CommandHandler, delay_seconds: float) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.line = line
        self._handler = handler
        self._delay = delay_seconds
        self._input = bytearray()
        self._input_ended = False
        self._changed = threading.Condition()
        self._result: CommandResult | None = None
        self._given_out = [0, 0]
        self._aborted = False

    def take_input(self, data: bytes, *, last: bool) -> None:
        """Add to stdin; a command that has ended lets it pass. Raises WsmanFaultError after its end, or too much."""
        with self._changed:
            if self._input_ended:
                raise wsman_faults.input_closed()
            if self._result is not None:
                return
            if len(self._input) + len(data) > MAX_STDIN:
                raise wsman_faults.envelope_too_large()
            self._input += data
            self._input_ended = last
        if last:
            threading.Thread(target=self._run, name=f"command {self.id}", daemon=True).start()

    def _run(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._result is not None or self._aborted, self._delay)
            if self._result is not None or self._aborted:
                return
        try:
            result = self._handler(self.line, bytes(self._input))
        except Exception as error:  # noqa: BLE001  # the command's failure, not the endpoint's
            result = CommandResult(b"", _CRASHED + type(error).__name__.encode() + b"\n", 1)
        self.finish(result)

    def finish(self, result: CommandResult) -> None:
        """End the command with this result, unless it has one."""
        with self._changed:
            if self._result is None:
                self._result = result
            self._changed.notify_all()

    def interrupt(self) -> None:
        """End the command as Ctrl+C does; what its handler is doing is done all the same."""
        self.finish(CommandResult(b"", b"", CONTROL_C_EXIT))

    def abort(self) -> None:
        """End the command and every Receive that waits for it."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def receive(self, timeout_seconds: float, piece: int, *, end_alone: bool) -> Output:
        """Return the next output, at most ``piece`` octets of it.

        Raises WsmanFaultError if nothing came in time, or the command was terminated.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._result is not None or self._aborted, timeout_seconds)
            if self._aborted:
                raise wsman_faults.aborted()
            result = self._result
            if result is None:
                raise wsman_faults.operation_timeout()
            parts: list[bytes] = []
            for number, stream in enumerate((result.stdout, result.stderr)):
                begin = self._given_out[number]
                part = stream[begin : begin + piece]
                self._given_out[number] += len(part)
                piece -= len(part)
                parts.append(part)
            everything = self._given_out == [len(result.stdout), len(result.stderr)]
            done = everything and not (end_alone and any(parts))
            return Output(parts[0], parts[1], result.exit_code if done else None)


class Shell:
    """A shell of one user: it lives until it is deleted or idle for too long, whatever its connection does."""

    def __init__(self, user: str, idle_seconds: float) -> None:
        self.id = str(uuid.uuid4()).upper()
        self.user = user
        self.idle_seconds = idle_seconds
        self.used = time.monotonic()
        self._commands: dict[str, ShellCommand] = {}
        self._lock = threading.Lock()

    def add(self, command: ShellCommand) -> None:
        """Take up a command. Raises WsmanFaultError if there are too many that nobody ended."""
        with self._lock:
            if len(self._commands) >= MAX_COMMANDS_PER_SHELL:
                raise wsman_faults.too_many_commands(MAX_COMMANDS_PER_SHELL)
            self._commands[command.id] = command

    def command(self, command_id: str) -> ShellCommand:
        """Return the command of this id. Raises WsmanFaultError."""
        with self._lock:
            found = self._commands.get(command_id.upper())
        if found is None:
            raise wsman_faults.unknown_command(command_id)
        return found

    def remove(self, command: ShellCommand) -> None:
        """Forget a command and end the Receives that wait for it."""
        with self._lock:
            self._commands.pop(command.id, None)
        command.abort()

    def close(self) -> None:
        """End every command."""
        with self._lock:
            commands = tuple(self._commands.values())
            self._commands.clear()
        for command in commands:
            command.abort()


class Shells:
    """All shells of an endpoint."""

    def __init__(self) -> None:
        self._shells: dict[str, Shell] = {}
        self._lock = threading.Lock()

    def _drop_idle(self) -> None:
        now = time.monotonic()
        for shell in [one for one in self._shells.values() if now - one.used > one.idle_seconds]:
            del self._shells[shell.id]
            shell.close()

    def open(self, user: str, idle_seconds: float) -> Shell:
        """Make a shell. Raises WsmanFaultError if the user has as many as may be."""
        with self._lock:
            self._drop_idle()
            if sum(shell.user == user for shell in self._shells.values()) >= MAX_SHELLS_PER_USER:
                raise wsman_faults.too_many_shells(MAX_SHELLS_PER_USER)
            shell = Shell(user, idle_seconds)
            self._shells[shell.id] = shell
            return shell

    def find(self, user: str, shell_id: str) -> Shell:
        """Return the user's shell of this id. Raises WsmanFaultError."""
        with self._lock:
            self._drop_idle()
            shell = self._shells.get(shell_id.upper())
            if shell is None or shell.user != user:
                raise wsman_faults.unknown_shell(shell_id)
            shell.used = time.monotonic()
            return shell

    def close(self, shell: Shell) -> None:
        """Delete a shell with its commands."""
        with self._lock:
            self._shells.pop(shell.id, None)
        shell.close()

    def close_all(self) -> None:
        """Delete every shell."""
        with self._lock:
            shells = tuple(self._shells.values())
            self._shells.clear()
        for shell in shells:
            shell.close()

    def __len__(self) -> int:
        with self._lock:
            self._drop_idle()
            return len(self._shells)
