"""A machine at work: commands come in, dead men's timers run, every change is kept and told.

It knows one command line and one program: the bootstrap and the payload of cemops, to the letter. Whatever else is
sent gets an answer that says so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cemops.errors import CemopsError
from cemops.lab.windows.call_log import LoggedLeaves
from cemops.lab.windows.command_line import CommandLine, CommandResult
from cemops.lab.windows.dead_men import Timers
from cemops.lab.windows.faults import Faults, read_faults
from cemops.lab.windows.invocation import run_actions, run_request
from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.leaves import no_notice
from cemops.lab.windows.machine_file import MACHINE_FILE, load_machine, save_machine
from cemops.lab.windows.machine_model import DeadMan, Machine, Service
from cemops.lab.windows.native_programs import NativePrograms, NoPrograms
from cemops.lab.windows.tls_listeners import TlsTable
from cemops.lab.windows.tls_table import tls_table
from cemops.payload.assembly import BOOTSTRAP_COMMAND, PAYLOAD, PayloadError, dead_man_actions

_NOT_KNOWN = 9009
"""What cmd.exe says to a program that it does not find."""


class StandIn:
    """One machine of the lab. All its methods may be called from any thread."""

    def __init__(self, machine: Machine, programs: NativePrograms | None = None) -> None:
        self._machine = machine
        self._programs = programs or NoPrograms()
        self._lock = threading.RLock()
        self._telling = threading.Lock()
        """A command whose change another thread tells is answered when that is told: what it changed serves then."""
        self._stamp = self._file_stamp()
        self._changed = False
        self._timers = Timers(self._time_ms, self._fire)
        self.on_change: Callable[[], None] = no_notice
        """Called after each change of the machine, by a command or a dead man, without the machine's lock."""

    @classmethod
    def load(cls, folder: Path, programs: NativePrograms | None = None) -> StandIn:
        """Return the machine at rest in ``folder``. Raises CemopsError if there is none."""
        return cls(load_machine(folder), programs)

    @property
    def machine(self) -> Machine:
        """The machine behind it; whoever changes it by hand does so with nothing else under way."""
        return self._machine

    @property
    def computer(self) -> str:
        """Its name, without domain."""
        return self._machine.identity.computer

    @property
    def fqdn(self) -> str:
        """Its full name."""
        return self._machine.identity.fqdn

    @property
    def address(self) -> str:
        """The loopback address that everything of it listens on."""
        return self._machine.identity.address

    def knows(self, command: CommandLine) -> bool:
        """Tell whether the command line is the one that it runs."""
        return command.text == BOOTSTRAP_COMMAND

    def start(self) -> None:
        """Start services that have a process, and the timers of dead men; one that was due meanwhile acts at once."""
        with self._lock:
            for name, service in self._machine.services.items():
                if service.state == "Running":
                    self._resume(name, service)
            self._timers.follow(self._machine.dead_men)

    def _resume(self, name: str, service: Service) -> None:
        try:
            service.pid = self._programs.start_service(name) or service.pid
        except LeafError as error:
            service.state, service.pid = "Stopped", 0
            print(f"{name}: {error.message}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """End timers and processes; a service that ran will run again after the next start."""
        self._timers.stop()
        with self._lock:
            for name in self._machine.services:
                self._programs.stop_service(name)

    def tls_table(self) -> TlsTable:
        """Return what should be served by TLS now."""
        with self._lock:
            return tls_table(self._machine)

    def refresh(self) -> None:
        """Take over what somebody wrote into ``machine.json`` (a change by hand)."""
        with self._lock:
            self._reload()
            self._timers.follow(self._machine.dead_men)
        self._tell()

    def run(self, command: CommandLine, stdin: bytes) -> CommandResult:
        """Run one command with the whole of its stdin."""
        if not self.knows(command):
            return CommandResult(
                b"", b"the stand-in knows only the bootstrap of cemops, no other command\r\n", _NOT_KNOWN
            )
        with self._lock:
            self._reload()
            try:
                reply: dict[str, Any] = {"ok": True, "data": run_request(self._leaves(), request_of(stdin))}
            except LeafError as error:
                reply = {"ok": False, "error": error.as_envelope()}
            except CemopsError as error:
                reply = {"ok": False, "error": LeafError(error.message).as_envelope()}
            self._timers.follow(self._machine.dead_men)
        self._tell()
        return CommandResult(b"\n" + json.dumps(reply).encode() + b"\n", b"", 0 if reply["ok"] else 1)

    def _leaves(self) -> LoggedLeaves:
        leaves = LoggedLeaves(self._machine, self._programs, self._faults, self._save)
        leaves.run_script = self._run_script
        return leaves

    def _time_ms(self) -> int:
        return self._machine.time_ms()

    def _faults(self) -> Faults:
        return read_faults(self._machine.folder)

    def _save(self) -> None:
        save_machine(self._machine)
        self._stamp = self._file_stamp()
        self._changed = True

    def _file_stamp(self) -> tuple[int, int] | None:
        try:
            status = (self._machine.folder / MACHINE_FILE).stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _reload(self) -> None:
        stamp = self._file_stamp()
        if stamp is None or stamp == self._stamp:
            return
        self._machine = load_machine(self._machine.folder)
        self._stamp = stamp
        self._changed = True

    def _tell(self) -> None:
        with self._telling:
            with self._lock:
                changed, self._changed = self._changed, False
            if changed:
                self.on_change()

    def _run_script(self, dead_man: DeadMan) -> None:
        """Run what a dead man restores, as the task would. Raises LeafError where it fails."""
        try:
            actions = dead_man_actions(dead_man.script.decode())
        except (PayloadError, UnicodeDecodeError) as error:
            raise LeafError(
                f"dead man {dead_man.token}: the stand-in runs no other scripts than cemops's own"
            ) from error
        # One by one, as the script does: what cannot be restored must not keep the rest from it.
        outcomes = [one for action in actions for one in run_actions(self._leaves(), [action])["actions"]]
        problems = [one["error"]["message"] for one in outcomes if "error" in one]
        if problems:
            raise LeafError(f"dead man {dead_man.token} could not restore all: {' '.join(problems)}")

    def _fire(self, token: str) -> None:
        """Let a dead man act whose time has come, unless he was confirmed meanwhile."""
        with self._lock:
            found = self._machine.dead_man(token)
            if found is None or found.fired:
                return
            found.fired = True
            self._save()
            try:
                self._run_script(found)
            except LeafError as error:
                print(error.message, file=sys.stderr, flush=True)
        self._tell()


def request_of(stdin: bytes) -> object:
    """Return the request in a command's stdin. Raises LeafError as the bootstrap does, and for another payload."""
    digest, newline, rest = stdin.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    if not newline:
        raise LeafError("stdin ended early")
    if hashlib.sha256(rest).hexdigest().encode() != digest.strip().lower():
        raise LeafError("stdin is not whole")
    payload, newline, request = rest.partition(b"\n")
    if not newline:
        raise LeafError("stdin lacks its request")
    try:
        text = base64.b64decode(payload, validate=True).decode()
        asked = json.loads(request)
    except (binascii.Error, ValueError) as error:
        raise LeafError("payload or request cannot be read", kind="System.FormatException") from error
    if text != PAYLOAD:
        raise LeafError("this machine is a stand-in that knows only the payload of its own version of cemops")
    return asked
