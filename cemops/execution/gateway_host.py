"""One gateway host as the transaction needs it: run a verb of ``transaction.sh`` on it, dial a port through SSH."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from cemops.errors import HostError
from cemops.execution.ssh_connector import CheckedSSHConnector
from cemops.model.gateways import Gateway
from cemops.planning.desired_gateway import UNIT
from cemops.probe.streams import Stream, ssh_dial

_PARTS = (
    "transaction.sh",
    "service.sh",
    "refusals.sh",
    "switching.sh",
    "staging.sh",
    "backing_up.sh",
    "locking.sh",
    "verbs.sh",
)
TRANSACTION = "\n".join(files("cemops.execution.remote").joinpath(part).read_text("utf-8") for part in _PARTS)
"""The program that changes a host; it travels as one text."""


@dataclass(frozen=True)
class GatewayHost:
    """A connected host, the gateway that it carries, and the httpd binary found on it."""

    host: Host
    gateway: Gateway
    httpd: str

    @property
    def name(self) -> str:
        """The host's name in the estate."""
        return self.gateway.name

    def run(
        self, verb: str, arguments: Sequence[str | int], *, stdin: str | None = None, seconds: int | None = None
    ) -> tuple[str, ...]:
        """Run one verb of the transaction in one remote command; return its lines before the closing ``ok``.

        Raises HostError with the script's reason where it failed, or where the connection did.
        """
        manager = self.gateway.service.manager
        unit = UNIT if manager == "systemd" else ""
        words = [verb, self.gateway.root, manager, unit, self.httpd, *(str(argument) for argument in arguments)]
        command = StringCommand("set", "--", *(QuoteString(word) for word in words), f"\n{TRANSACTION}")
        try:
            _, output = self.host.run_shell_command(command, _stdin=stdin, _timeout=seconds, _sudo=self._sudo)
        except TimeoutError:
            raise HostError(self.name, f"{verb} did not end in {seconds} s; run apply again to settle it") from None
        except OSError as error:
            raise HostError(
                self.name, f"the connection failed while {verb} ran ({error}); run apply again", unreachable=True
            ) from None
        lines = output.stdout_lines
        if lines and lines[-1] == "ok":
            return tuple(lines[:-1])
        reasons = [line.removeprefix("failed\t") for line in lines if line.startswith("failed\t")]
        raise HostError(self.name, reasons[-1] if reasons else self._unexplained(verb, output.stderr_lines))

    def dial(self, port: int, *, timeout: float) -> Callable[[], Stream]:
        """Return how to dial a loopback port of the host, through the SSH connection."""
        connector = self.host.connector
        if not isinstance(connector, CheckedSSHConnector) or connector.client is None:
            raise HostError(self.name, "the host is not connected by SSH")
        transport = connector.client.get_transport()
        if transport is None:
            raise HostError(self.name, "the SSH connection is gone; run apply again", unreachable=True)
        return ssh_dial(transport, "127.0.0.1", port, timeout=timeout)

    @property
    def _sudo(self) -> bool:
        return bool(self.host.data.get("_sudo"))

    def _unexplained(self, verb: str, stderr: Sequence[str]) -> str:
        said = "; ".join(line.strip() for line in stderr[-3:] if line.strip())
        return f"{verb} ended without an answer{f' ({said})' if said else ''}; run apply again"
