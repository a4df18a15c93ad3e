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
    """Tell whether the gateway deploy manages it: Linux on stock httpd over SSH, or Windows with the vendor's."""
    if gateway.connection is None:
        return False
    if is_windows_gateway(gateway):
        return True
    return gateway.platform == "linux" and gateway.layout == "httpd" and gateway.connection.transport == "ssh"


def is_windows_gateway(gateway: Gateway) -> bool:
    """Tell whether it is the vendor's gateway on Windows (IG-10), of whichever layout."""
    return gateway.platform == "windows" and gateway.layout in ("smp-7", "smp-8")


def managed_machines(estate: Estate) -> dict[str, Deploy]:
    """Return the deploy of each machine that one manages, in the order of :data:`DEPLOYS` and of the file."""
    found: dict[str, Deploy] = {}
    found |= {server.name: "agent_site" for server in estate.notification_servers if server.connection is not None}
    found |= {server.name: "site_servers" for server in estate.site_servers if server.connection is not None}
    found |= {gateway.name: "gateway" for gateway in estate.gateways if is_managed_gateway(gateway)}
    return found
