"""One Windows machine of a lab as a process: its WinRM endpoint, what it runs, and the listeners that follow it.

``python -m cemops.lab.windows.machine_process --folder DIR`` serves the machine at rest in DIR until SIGTERM.
DIR holds ``machine.json`` (the machine) and ``endpoint.json`` (how it is reached); a ``machine.json`` changed by hand
is taken over within a second, as what somebody does at the console is.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from cemops.errors import CemopsError
from cemops.lab.windows.endpoint_settings import STATUS_FILE, EndpointSettings, read_endpoint_settings
from cemops.lab.windows.gateway_programs import gateway_programs
from cemops.lab.windows.machine_file import load_machine
from cemops.lab.windows.stand_in import StandIn
from cemops.lab.windows.tls_listeners import TlsListeners
from cemops.lab.windows.wsman_behaviour import Counters
from cemops.lab.windows.wsman_logons import Accounts
from cemops.lab.windows.wsman_server import WsmanServer, tls_context
from cemops.lab.windows.wsman_service import WsmanService

REFRESH_SECONDS = 1.0
"""How often the process looks whether somebody changed the machine by hand."""


class RunningMachine:
    """A machine with its endpoint and its listeners; raises CemopsError where the endpoint cannot be opened."""

    def __init__(self, folder: Path, machine: StandIn, settings: EndpointSettings) -> None:
        self._machine = machine
        self._changing = threading.Lock()
        self._problems: tuple[str, ...] = ()
        self._unreadable = ""
        authority = folder / settings.client_authority if settings.client_authority else None
        service = WsmanService(
            machine.computer,
            machine.run,
            knows=machine.knows,
            counters=Counters(folder / STATUS_FILE),
            behaviour=settings.behaviour,
        )
        try:
            context = tls_context(folder / settings.certificate, folder / settings.key, authority)
        except OSError as error:  # ssl.SSLError is one
            raise CemopsError(
                f"the WinRM endpoint of {machine.computer} has no certificate and key that OpenSSL takes "
                f"({settings.certificate} and {settings.key} in {folder}): {error}"
            ) from error
        try:
            address = (machine.address, settings.port)
            self._server = WsmanServer(address, service, Accounts(machine.computer, settings.accounts), context)
        except OSError as error:
            raise CemopsError(
                f"the WinRM endpoint of {machine.computer} cannot listen on {machine.address}:{settings.port}: {error}"
            ) from error
        self._listeners = TlsListeners(machine.computer.lower(), machine.fqdn, machine.address)

    @property
    def port(self) -> int:
        """The endpoint's port."""
        return self._server.port

    def start(self) -> None:
        """Serve: the listeners first, so that who reaches the endpoint finds them all."""
        self._machine.on_change = self._follow
        self._follow()
        self._machine.start()
        self._server.service.counters.publish()
        self._server.start()

    def _follow(self) -> None:
        with self._changing:
            problems = self._listeners.reconcile(self._machine.tls_table())
            for problem in problems:
                if problem not in self._problems:
                    print(problem, file=sys.stderr, flush=True)
            self._problems = problems

    def refresh(self) -> None:
        """Take over what somebody changed in ``machine.json`` by hand."""
        unreadable = ""
        try:
            self._machine.refresh()
        except CemopsError as error:
            unreadable = str(error)
        if unreadable and unreadable != self._unreadable:
            print(unreadable, file=sys.stderr, flush=True)
        self._unreadable = unreadable

    def stop(self) -> None:
        """End everything, the endpoint first."""
        self._server.stop()
        self._machine.stop()
        self._listeners.close()


def _stand_in(folder: Path) -> StandIn:
    machine = load_machine(folder)
    return StandIn(machine, gateway_programs(machine))


def main() -> int:
    """Serve the machine of the folder that the command line names until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m cemops.lab.windows.machine_process", description=__doc__)
    parser.add_argument("--folder", required=True, type=Path)
    folder: Path = parser.parse_args().folder
    asked_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: asked_to_end.set())
    try:
        running = RunningMachine(folder, _stand_in(folder), read_endpoint_settings(folder))
    except CemopsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    running.start()
    while not asked_to_end.wait(REFRESH_SECONDS):
        running.refresh()
    running.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
