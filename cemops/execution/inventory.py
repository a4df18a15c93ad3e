"""The pyinfra inventory of an estate: groups named as the estate's sections, hosts with references and no secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.model import topology
from cemops.model.connections import (
    PinnedServerCertificate,
    ServerCertificateAuthority,
    SshConnection,
    WinrmConnection,
)
from cemops.model.gateways import Gateway
from cemops.model.notification_servers import NotificationServer
from cemops.model.site_servers import SiteServer
from cemops.planning.managed import Deploy, managed_machines

HostEntry = tuple[str, dict[str, Any]]
_Machine = NotificationServer | SiteServer | Gateway


def inventory_groups(context: EstateContext) -> Mapping[str, list[HostEntry]]:
    """Return the groups of machines that a deploy manages now: ``{"gateways": [("@cemops-ssh/gw1", data), …], …}``."""
    estate = context.estate
    sections: Mapping[str, Iterable[_Machine]] = {
        "notification_servers": estate.notification_servers,
        "site_servers": estate.site_servers,
        "gateways": estate.gateways,
    }
    deploys = managed_machines(estate)
    return {
        group: [_entry(context, machine, deploys[machine.name]) for machine in machines if machine.name in deploys]
        for group, machines in sections.items()
    }


def _entry(context: EstateContext, machine: _Machine, deploy: Deploy) -> HostEntry:
    connection = machine.connection
    data = {"cemops_machine": machine.name, "cemops_deploy": deploy}
    if isinstance(connection, WinrmConnection):
        return f"@winrm/{machine.name}", {**data, **winrm_data(context, connection)}
    if isinstance(connection, SshConnection):
        return f"@cemops-ssh/{machine.name}", {**data, **_ssh_data(context, connection)}
    raise CemopsError(f"{machine.name} has no connection: declare one")


def winrm_data(context: EstateContext, connection: WinrmConnection) -> dict[str, Any]:
    """Return the host data of a WinRM connection: references and places, no secret."""
    credential = topology.credential(context.estate, connection.credential)
    proof = connection.server_certificate
    return {
        "cemops_address": str(connection.address),
        "cemops_port": connection.port,
        "cemops_username": credential.username,
        "cemops_password": credential.password,
        "cemops_authentication": connection.authentication,
        "cemops_client_certificate": _path(context, credential.client_certificate),
        "cemops_private_key_file": _path(context, credential.private_key_file),
        "cemops_private_key_passphrase": credential.private_key_passphrase,
        "cemops_thumbprint": proof.thumbprint if isinstance(proof, PinnedServerCertificate) else None,
        "cemops_ca_file": _path(context, proof.ca_file) if isinstance(proof, ServerCertificateAuthority) else None,
        "cemops_plain_http": connection.allow_http,
        "cemops_folder": str(context.folder),
    }


def _ssh_data(context: EstateContext, connection: SshConnection) -> dict[str, Any]:
    credential = topology.credential(context.estate, connection.credential)
    data: dict[str, Any] = {
        "cemops_address": str(connection.address),
        "cemops_port": connection.port,
        "cemops_username": credential.username,
        "cemops_password": credential.password,
        "cemops_private_key_file": _path(context, credential.private_key_file),
        "cemops_private_key_passphrase": credential.private_key_passphrase,
        "cemops_host_key": connection.host_key,
        "cemops_known_hosts": _path(context, connection.known_hosts),
        "cemops_folder": str(context.folder),
    }
    if credential.become == "sudo":
        data["_sudo"] = True
    return data


def _path(context: EstateContext, path: str | None) -> str | None:
    """Resolve a file named in the estate against its folder; ``~`` stays for the connector to expand."""
    if path is None or path.startswith("~"):
        return path
    return str(context.folder / path)
