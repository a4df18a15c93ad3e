"""The pyinfra inventory of an estate: groups named as the estate's sections, hosts with references and no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cemops.execution.estate_context import EstateContext
from cemops.model import topology
from cemops.model.connections import SshConnection
from cemops.model.gateways import Gateway
from cemops.planning.unmanaged import is_managed_gateway

HostEntry = tuple[str, dict[str, Any]]


def inventory_groups(context: EstateContext) -> Mapping[str, list[HostEntry]]:
    """Return the groups of machines that a deploy manages now: ``{"gateways": [("@cemops-ssh/gw1", data), …]}``."""
    gateways = [
        (f"@cemops-ssh/{gateway.name}", _gateway_data(context, gateway, gateway.connection))
        for gateway in context.estate.gateways
        if is_managed_gateway(gateway) and isinstance(gateway.connection, SshConnection)
    ]
    return {"gateways": gateways}


def _gateway_data(context: EstateContext, gateway: Gateway, connection: SshConnection) -> dict[str, Any]:
    return {"cemops_gateway": gateway.name, **_ssh_data(context, connection)}


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
