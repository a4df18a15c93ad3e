"""The payload on a Windows machine: one PowerShell process, bytes in and bytes out, over WinRM or SSH."""

from __future__ import annotations

from pyinfra.api.host import Host

from cemops.execution.ssh_connector import CheckedSSHConnector
from cemops.execution.winrm_connector import WinrmConnector
from cemops.payload.assembly import BOOTSTRAP_COMMAND

PowerShellConnector = WinrmConnector | CheckedSSHConnector
"""What can run PowerShell: each has ``run_program``, ``remote_commands`` and ``last_complaint``."""


def run_payload(host: Host, stdin: bytes, seconds: float) -> bytes:
    """Run the bootstrap on a host with the framed ``stdin``, and return its standard output.

    Raises OSError (TimeoutError is one) where it could not be run to its end; how it ended, its reply says. One remote
    process; nothing is tried twice.
    """
    return powershell_connector(host).run_program(BOOTSTRAP_COMMAND, stdin, seconds).stdout


def powershell_connector(host: Host) -> PowerShellConnector:
    """Return the connector of a Windows host. Raises OSError where it is of another kind."""
    connector = host.connector
    if isinstance(connector, PowerShellConnector):
        return connector
    raise OSError(f"{host.name}: {type(connector).__name__} cannot run PowerShell: use @winrm or @cemops-ssh")
