"""testinfra's connections to machines of the estate: whoever is not the declared host is told nothing.

``ssh``: testinfra's backend, with the declared host key as the only one. ``winrm``: testinfra's backend has no way to
pin a certificate, and pywinrm below it would log on anew for each command; so its commands go through the endpoint
session of cemops, which checks who is there and tries a password once. What is asked, and what answers, are Windows'
own programs.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import testinfra
from testinfra.backend.base import CommandResult
from testinfra.backend.winrm import WinRMBackend
from testinfra.host import Host

from cemops.execution.estate_file import resolve_path
from cemops.execution.finished_program import error_text, powershell_line
from cemops.execution.inventory import winrm_data
from cemops.execution.winrm_shell import WinrmShell
from cemops.execution.winrm_target import Traffic, WinrmTarget
from cemops.model.connections import Connection, SshConnection, WinrmConnection
from tests.acceptance.accepted_estate import context

PROGRAM_SECONDS = 120.0


def connection_to(connection: Connection, folder: Path) -> Host:
    """A connection to a machine; ``folder`` is for files that it needs."""
    if isinstance(connection, SshConnection):
        return _over_ssh(connection, folder)
    return Host(CheckedWinRMBackend(connection))


class CheckedWinRMBackend(WinRMBackend):  # type: ignore[misc]  # testinfra has no types
    """testinfra's winrm backend over an endpoint that is known, in one shell."""

    def __init__(self, connection: WinrmConnection) -> None:
        super().__init__(f"{connection.address}:{connection.port}")
        self._shell = WinrmShell(target_of(connection), Traffic())

    def run_winrm(self, command: str) -> CommandResult:
        """Run a command line without a shell around it."""
        finished = self._shell.run(command, b"", PROGRAM_SECONDS)
        stderr = error_text(finished.stderr).encode()
        return self.result(finished.exit_code, command.encode(), finished.stdout, stderr)


def target_of(connection: WinrmConnection) -> WinrmTarget:
    """The endpoint with its secrets, from the estate."""
    data = winrm_data(context(), connection)

    def secret(name: str) -> Any:
        return context().secrets.resolve(data[name]) if data[name] else None

    def file(name: str) -> Path | None:
        return Path(data[name]).expanduser() if data[name] else None

    by_password = connection.authentication in {"ntlm", "basic"}
    return WinrmTarget(
        address=str(connection.address),
        port=connection.port,
        username=data["cemops_username"],
        authentication=connection.authentication,
        password=secret("cemops_password") if by_password else None,
        client_certificate=file("cemops_client_certificate"),
        private_key_file=file("cemops_private_key_file"),
        private_key_passphrase=secret("cemops_private_key_passphrase") if not by_password else None,
        thumbprint=data["cemops_thumbprint"],
        ca_file=file("cemops_ca_file"),
        plain_http=connection.allow_http,
    )


def powershell(host: Host, script: str) -> list[str]:
    """The words that a PowerShell script prints on a machine; it must succeed."""
    line = powershell_line(f"$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'; {script}")
    return str(host.check_output(line)).split()


def _over_ssh(connection: SshConnection, folder: Path) -> Host:
    estate = context()
    credential = estate.estate.credentials[connection.credential]
    if connection.known_hosts and not connection.host_key:
        known = resolve_path(connection.known_hosts, estate.folder)
    else:
        known = folder / "known_hosts"
        known.write_text(host_key(connection), encoding="utf-8")
    lines = [
        "Host machine",
        f"  HostName {connection.address}",
        f"  Port {connection.port}",
        f"  User {credential.username}",
        f"  UserKnownHostsFile {known}",
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
    ]
    if credential.private_key_file:
        lines.append(f"  IdentityFile {resolve_path(credential.private_key_file, estate.folder)}")
        lines.append("  IdentitiesOnly yes")
    config = folder / "ssh_config"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return testinfra.get_host("ssh://machine", ssh_config=str(config), sudo=credential.become == "sudo")


def host_key(connection: SshConnection) -> str:
    """The line of known_hosts for the key that the machine presents and the estate declares."""
    scan = subprocess.run(
        ["ssh-keyscan", "-T", "20", "-p", str(connection.port), str(connection.address)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for line in scan.stdout.splitlines():
        digest = hashlib.sha256(base64.b64decode(line.split()[2])).digest()
        if f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}" == connection.host_key:
            return line + "\n"
    raise AssertionError(f"{connection.address} does not present the host key {connection.host_key}")
