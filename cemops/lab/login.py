"""Proof that a gateway of the lab can be worked with: log in, find openssl, resolve the servers' names."""

from __future__ import annotations

import base64
import shlex
from typing import TYPE_CHECKING

import paramiko

from cemops.errors import CemopsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemops.lab.gateway_machine import GatewayMachine

_SECONDS = 20.0


def _connect(client: paramiko.SSHClient, machine: GatewayMachine) -> None:
    gateway = machine.gateways[0]
    kind, blob = machine.host_key.public.split()[:2]
    key = paramiko.PKey.from_type_string(kind, base64.b64decode(blob))
    client.get_host_keys().add(f"[{gateway.address}]:{gateway.ssh_port}", kind, key)
    try:
        client.connect(
            gateway.address,
            port=gateway.ssh_port,
            username=machine.login,
            key_filename=str(machine.login_key_file),
            allow_agent=False,
            look_for_keys=False,
            timeout=_SECONDS,
            banner_timeout=_SECONDS,
            auth_timeout=_SECONDS,
        )
    except (OSError, paramiko.SSHException) as error:
        raise CemopsError(
            f"{machine.login} cannot log in to {gateway.name} of the lab: {error}; the account needs a login "
            f"shell and must not be locked (log: {machine.folder / 'sshd.log'})"
        ) from error


def check_login(machine: GatewayMachine, names: Sequence[str]) -> None:
    """Log in to the machine as cemops will, with its host key known, and resolve ``names`` there.

    Raises CemopsError with what the machine said if the login fails or a name is unknown there.
    """
    command = "command -v openssl >/dev/null && " + " && ".join(
        f"getent hosts {shlex.quote(name)} >/dev/null" for name in names
    )
    client = paramiko.SSHClient()
    try:
        _connect(client, machine)
        _, output, errors = client.exec_command(command, timeout=_SECONDS)
        code = output.channel.recv_exit_status()
        said = errors.read().decode("utf-8", "replace").strip()
    except (OSError, paramiko.SSHException) as error:
        raise CemopsError(
            f"{machine.name} of the lab broke off: {error} (log: {machine.folder / 'sshd.log'})"
        ) from error
    finally:
        client.close()
    if code != 0:
        reason = said or f"exit code {code}"
        raise CemopsError(
            f"on {machine.name} of the lab `{command}` failed ({reason}): "
            "check that libnss-wrapper and openssl work there"
        )
