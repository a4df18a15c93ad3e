"""Which deploy manages which machine of an estate."""

from __future__ import annotations

from typing import Literal

from cemops.model.estate import Estate
from cemops.model.gateways import Gateway

Deploy = Literal["agent_site", "site_servers", "gateway"]
"""Names of deploys, in the order in which apply takes them: servers first, so that a gateway is checked with tunnels
to servers that answer."""
DEPLOYS: tuple[Deploy, ...] = ("agent_site", "site_servers", "gateway")


def is_managed_gateway(gateway: Gateway) -> bool:
    """Tell whether the gateway deploy manages this gateway: Linux, stock httpd, reached over SSH."""
    return (
        gateway.platform == "linux"
        and gateway.layout == "httpd"
        and gateway.connection is not None
        and gateway.connection.transport == "ssh"
    )


def managed_machines(estate: Estate) -> dict[str, Deploy]:
    """Return the deploy of each machine that one manages, in the order of :data:`DEPLOYS` and of the file."""
    found: dict[str, Deploy] = {}
    found |= {server.name: "agent_site" for server in estate.notification_servers if server.connection is not None}
    found |= {server.name: "site_servers" for server in estate.site_servers if server.connection is not None}
    found |= {gateway.name: "gateway" for gateway in estate.gateways if is_managed_gateway(gateway)}
    return found
