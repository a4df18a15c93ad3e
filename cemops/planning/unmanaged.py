"""What the estate declares and no deploy manages yet: named in every plan, never passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator

from cemops.model.estate import Estate
from cemops.model.gateways import Gateway
from cemops.planning.changes import Action, Change, HostPlan, HostStatus, PlanWarning, Resource
from cemops.planning.managed import is_managed_gateway, is_windows_gateway
from cemops.planning.windows.gateway.operator_steps import manager_steps


def unmanaged_of_gateway(gateway: Gateway) -> Iterator[Change]:
    """Yield a step of the operator for each declared part of a managed gateway that cemops does not set."""
    if is_windows_gateway(gateway):
        yield from manager_steps(gateway)
        return
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
    """Return a plan for each declared machine that no deploy manages: nothing of it is looked at.

    Servers without a ``connection`` are declared for others to refer to, and are not machines to manage.
    """
    machines = [
        *(
            (f"{one.platform} gateway ({one.layout})", one.name)
            for one in estate.gateways
            if one.connection is not None and not is_managed_gateway(one)
        ),
        *((f"{kind} firewall", name) for kind, name in perimeter_firewalls(estate)),
        *(("Security Manager Plus server", one.name) for one in estate.security_manager_plus),
    ]
    return tuple(
        HostPlan(name, HostStatus.IN_SYNC, changes=(_unmanaged_machine(kind, name),), managed=False)
        for kind, name in machines
    )


def perimeter_firewalls(estate: Estate) -> tuple[tuple[str, str], ...]:
    """Return kind and name of each declared firewall of the perimeter (PT-07); they have no name of their own."""
    declared = {"perimeter.external": estate.perimeter.external, "perimeter.internal": estate.perimeter.internal}
    return tuple((firewall.kind, name) for name, firewall in declared.items() if firewall is not None)


def _unmanaged_machine(kind: str, name: str) -> Change:
    message = f"{kind} {name} is declared, but cemops does not manage it yet; it was not looked at"
    return Change(
        name,
        Resource.MACHINE,
        name,
        Action.OPERATOR,
        "set it up by hand until a deploy for it exists",
        warnings=(PlanWarning("not-managed", message),),
    )
