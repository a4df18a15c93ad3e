"""Programs on a Windows host: one shell for the whole run, input in pieces, output until the host says Done.

pywinrm's own loop waits for ever; here every operation has an end: the host is asked to answer within
``OPERATION_SECONDS``, the socket waits a little longer, and a program has a deadline of its own. Only Receive is ever
repeated, and only after the host itself said that there is nothing yet: it alone changes nothing. A log-on, a Command
or input that may have arrived is never sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

import gevent
from gevent.lock import RLock
from winrm.exceptions import WinRMOperationTimeoutError, WSManFaultError

from cemops.execution.finished_program import FinishedProgram, checked_line
from cemops.execution.winrm_endpoint import OPERATION_SECONDS, EndpointProtocol
from cemops.execution.winrm_errors import WinrmError, WinrmFaultError, WinrmLogonError, WinrmTimeoutError, translated
from cemops.execution.winrm_target import Traffic, WinrmTarget

INPUT_BYTES = 360_000
"""Bytes of one piece of input: as base64 in its envelope they stay below the 500 KB that Windows takes as a rule."""
IDLE_TIMEOUT = "PT120S"
"""After how long without a word the host ends a shell, and what runs in it."""
REST_SECONDS = 90
"""A shell that rested longer is left to its end, and a new one is opened, with a log-on of its own."""
OUTPUT_BYTES = 256 * 1024 * 1024
"""More output than anything that cemops runs can have."""
_GRACE_SECONDS = 15
"""How long after its deadline a host may still tell that a program was ended."""
_UNSIGNALLED = 5
"""How many ended programs may be left to the end of the shell; Windows takes 25 in one."""
_UTF_8 = 65001
_UNKNOWN = "; whether the command was carried out is not known: plan again to see what holds now"


class WinrmShell:
    """The shell of one host. One greenlet at a time is let in."""

    def __init__(self, target: WinrmTarget, traffic: Traffic) -> None:
        self.target = target
        self.commands = 0
        """Programs that were started."""
        self._lock = RLock()
        self._traffic = traffic
        self._protocol: EndpointProtocol | None = None
        self._shell: str | None = None
        self._ended: list[str] = []
        self._refused: str | None = None

    def open(self) -> None:
        """Connect, check who is there, log on, open the shell. Raises WinrmError; a log-on is refused once, ever."""
        with self._lock, self._within(OPERATION_SECONDS):
            self._opened()

    def run(self, line: str, stdin: bytes, seconds: float) -> FinishedProgram:
        """Run a program with its input and return what it left. Raises WinrmError, also after ``seconds``.

        A program that meets its deadline is ended.
        """
        program, _, arguments = checked_line(line).partition(" ")
        with self._lock, self._within(seconds, _UNKNOWN):
            deadline = monotonic() + seconds
            protocol, shell = self._opened()
            with translated(self.target, _UNKNOWN):
                protocol.wait_at_most(OPERATION_SECONDS)
                self._signal_ended(protocol, shell)
                self.commands += 1
                command = protocol.run_command(
                    shell, program, (arguments,) if arguments else (), console_mode_stdin=False, skip_cmd_shell=True
                )
                finished = self._send(protocol, shell, command, stdin, deadline)
                finished = finished or self._collect(protocol, shell, command, deadline)
            self._ended.append(command)
            return finished

    def close(self) -> None:
        """Delete the shell and close the connection. A host that does not answer ends the shell by itself."""
        with self._lock:
            protocol, shell = self._protocol, self._shell
            self._shell = None
            if protocol is not None and shell is not None and not self._rested:
                with suppress(WinrmError), self._within(0), translated(self.target):
                    protocol.close_shell(shell, close_session=False)
            self._abandon()

    def _opened(self) -> tuple[EndpointProtocol, str]:
        if self._refused is not None:
            raise WinrmLogonError(self._refused)
        if self._rested:
            self._abandon()
        if self._protocol is None or self._shell is None:
            try:
                with translated(self.target):
                    self._protocol = EndpointProtocol(self.target, self._traffic)
                    self._shell = self._protocol.open_shell(codepage=_UTF_8, idle_timeout=IDLE_TIMEOUT)
            except WinrmLogonError as error:
                self._refused = str(error)
                raise
        return self._protocol, self._shell

    def _send(
        self, protocol: EndpointProtocol, shell: str, command: str, stdin: bytes, deadline: float
    ) -> FinishedProgram | None:
        """Send the input, and that it ends; return what a program left that ended before it read everything."""
        for start in range(0, len(stdin) or 1, INPUT_BYTES):
            piece = stdin[start : start + INPUT_BYTES]
            if monotonic() > deadline:
                self._end(protocol, shell, command)
                raise self._too_late()
            try:
                protocol.send_command_input(shell, command, piece, end=start + INPUT_BYTES >= len(stdin))
            except WSManFaultError:
                protocol.wait_at_most(1)
                with suppress(WSManFaultError, WinRMOperationTimeoutError):
                    stdout, stderr, code, done = protocol.get_command_output_raw(shell, command)
                    if done:
                        return FinishedProgram(code, stdout, stderr)
                self._end(protocol, shell, command)
                raise
        return None

    def _collect(self, protocol: EndpointProtocol, shell: str, command: str, deadline: float) -> FinishedProgram:
        stdout, stderr = bytearray(), bytearray()
        while True:
            left = deadline - monotonic()
            if left <= 0:
                self._end(protocol, shell, command)
                raise self._too_late()
            protocol.wait_at_most(max(1, min(OPERATION_SECONDS, round(left))))
            try:
                out, err, code, done = protocol.get_command_output_raw(shell, command)
            except WinRMOperationTimeoutError:
                continue
            stdout += out
            stderr += err
            if done:
                return FinishedProgram(code, bytes(stdout), bytes(stderr))
            if len(stdout) + len(stderr) > OUTPUT_BYTES:
                self._end(protocol, shell, command)
                raise WinrmError(f"{self.target.place} answers without end: look at the host")

    def _end(self, protocol: EndpointProtocol, shell: str, command: str) -> None:
        """End a program on the host, as well as that can be done."""
        protocol.wait_at_most(1)
        with suppress(WinrmError), translated(self.target):
            protocol.cleanup_command(shell, command)

    def _signal_ended(self, protocol: EndpointProtocol, shell: str) -> None:
        """Have the host forget programs that have ended; those of the last few commands go with the shell."""
        while len(self._ended) >= _UNSIGNALLED:
            protocol.cleanup_command(shell, self._ended.pop())

    def _too_late(self) -> WinrmTimeoutError:
        return WinrmTimeoutError(
            f"{self.target.place} did not end the command within its time, and was told to end it{_UNKNOWN}"
        )

    @contextmanager
    def _within(self, seconds: float, consequence: str = "") -> Iterator[None]:
        """Let nothing outlast the deadline, not even an answer byte by byte; drop what an error left unclear."""
        limit = gevent.Timeout(seconds + _GRACE_SECONDS)
        limit.start()
        try:
            yield
        except gevent.Timeout as expired:
            self._abandon()
            if expired is not limit:
                raise
            raise WinrmTimeoutError(f"{self.target.place} has stopped answering: check the host{consequence}") from None
        except (WinrmFaultError, WinrmTimeoutError):
            self.close()  # the connection holds: leave nothing behind
            raise
        except BaseException:
            self._abandon()
            raise
        finally:
            limit.close()

    @property
    def _rested(self) -> bool:
        protocol = self._protocol
        return protocol is not None and monotonic() - protocol.transport.answered > REST_SECONDS

    def _abandon(self) -> None:
        """Close the connection; the next command would open another, with a log-on and a shell of its own."""
        if self._protocol is not None:
            self._protocol.transport.close_session()
        self._protocol, self._shell = None, None
        self._ended.clear()
