"""Which kind of machine each machine of an estate is."""

from __future__ import annotations

from functools import cache

from cemops.execution.machine_kind import MachineKind
from cemops.model.estate import Estate
from cemops.planning.managed import Deploy, is_windows_gateway, managed_machines


def kinds_of(estate: Estate) -> dict[str, MachineKind]:
    """Return the kind of every machine that a deploy manages, by name, in the order in which apply takes them."""
    windows = {gateway.name for gateway in estate.gateways if is_windows_gateway(gateway)}
    return {name: _kind(deploy, windows=name in windows) for name, deploy in managed_machines(estate).items()}


@cache
def _kind(deploy: Deploy, *, windows: bool) -> MachineKind:
    # Imported where they are needed: an estate without Windows machines pays for no Windows.
    if deploy == "gateway" and windows:
        from cemops.execution.windows_gateway_kind import WindowsGatewayKind  # noqa: PLC0415 - see above

        return WindowsGatewayKind()
    if deploy == "gateway":
        from cemops.execution.gateway_kind import GatewayKind  # noqa: PLC0415 - see above

        return GatewayKind()
    from cemops.execution.windows_kind import AgentSiteKind, SiteServerKind  # noqa: PLC0415 - see above

    return AgentSiteKind() if deploy == "agent_site" else SiteServerKind()
