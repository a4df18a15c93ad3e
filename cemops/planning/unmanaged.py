"""What the estate declares and no deploy manages yet: named in every plan, never passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator

from cemops.model.estate import Estate
from cemops.model.gateways import Gateway
from cemops.planning.changes import Action, Change, HostPlan, HostStatus, PlanWarning, Resource


def is_managed_gateway(gateway: Gateway) -> bool:
    """Tell whether the gateway deploy manages this gateway: Linux, stock httpd, reached over SSH."""
    return (
        gateway.platform == "linux"
        and gateway.layout == "httpd"
        and gateway.connection is not None
        and gateway.connection.transport == "ssh"
    )


def unmanaged_of_gateway(gateway: Gateway) -> Iterator[Change]:
    """Yield a step of the operator for each declared part of a managed gateway that cemops does not set."""
    if gateway.firewall.manage:
        yield Change(
            gateway.name,
            Resource.FIREWALL_RULE,
            "firewall",
            Action.OPERATOR,
            f"open TCP {gateway.listen.port} to agents and the administration port to its sources by hand (PT-07)",
            warnings=(
                PlanWarning(
                    "not-managed",
                    "the firewall of a Linux gateway is declared (firewall.manage), but cemops does not manage it yet",
                    "PT-07",
                ),
            ),
        )
    for report in gateway.status_reporting:
        server = report.notification_server
        yield Change(
            gateway.name,
            Resource.STATUS_REPORTING,
            server,
            Action.OPERATOR,
            "stock httpd reports nothing; keep the thumbprint in the CEM policy by hand (IG-06)",
            warnings=(
                PlanWarning(
                    "not-managed", f"status reporting to {server} is declared, but stock httpd cannot do it", "IG-08"
                ),
            ),
        )


def unmanaged_hosts(estate: Estate) -> tuple[HostPlan, ...]:
    """Return a plan for each machine that has a connection and no deploy: nothing of it is looked at."""
    machines = [
        *(("Notification Server", server.name, server.connection) for server in estate.notification_servers),
        *(("site server", server.name, server.connection) for server in estate.site_servers),
        *(
            (f"{gateway.platform} gateway ({gateway.layout})", gateway.name, gateway.connection)
            for gateway in estate.gateways
            if not is_managed_gateway(gateway)
        ),
    ]
    return tuple(
        HostPlan(name, HostStatus.IN_SYNC, changes=(_unmanaged_machine(kind, name),), managed=False)
        for kind, name, connection in machines
        if connection is not None
    )


def _unmanaged_machine(kind: str, name: str) -> Change:
    message = f"{kind} {name} is declared with a connection, but cemops does not manage it yet; it was not looked at"
    return Change(
        name,
        Resource.MACHINE,
        name,
        Action.OPERATOR,
        "set it up by hand until a deploy for it exists",
        warnings=(PlanWarning("not-managed", message),),
    )
