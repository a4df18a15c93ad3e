"""A Windows firewall in memory: it takes the payload's actions, as docs/windows-payload.md has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cemops.model.windows_observed import FirewallRule, ObservedWindows
from cemops.planning.windows.plan import PayloadAction


def rule(name: str, *ports: str, **fields: Any) -> FirewallRule:
    """An enabled inbound rule that lets TCP in; ``fields`` say what is different."""
    values: dict[str, Any] = {
        "enabled": True,
        "direction": "Inbound",
        "action": "Allow",
        "protocol": "TCP",
        "local_ports": ports,
    }
    return FirewallRule(name, **(values | fields))


def machine(*rules: FirewallRule, domain_role: int = 3) -> ObservedWindows:
    return ObservedWindows(
        clock=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        computer="NS1",
        os_caption="Windows Server 2022",
        os_version="10.0.20348",
        domain_role=domain_role,
        user="svc",
        elevated=True,
        iis_installed=True,
        firewall_rules=rules,
    )


def applied(observed: ObservedWindows, actions: Iterable[PayloadAction]) -> ObservedWindows:
    """The machine after the actions. A rule that is to be switched and is not there is an error, as in the payload."""
    policy = [one for one in observed.firewall_rules if one.policy]
    local = {one.name.casefold(): one for one in observed.firewall_rules if not one.policy}
    for action in actions:
        fields = action.fields
        key = fields["rule"].casefold()
        if action.op == "firewall.remove":
            local.pop(key, None)
        elif action.op == "firewall.enable":
            local[key] = replace(local[key], enabled=fields["enabled"])
        else:
            assert action.op == "firewall.set"
            assert fields["profiles"] == "Any"
            old = local.get(key, FirewallRule(fields["rule"], False, "Inbound", "Block", "TCP"))
            local[key] = replace(
                old,  # what the action does not name stays: a service, further conditions
                enabled=fields["enabled"],
                direction=fields["direction"],
                action=fields["action"],
                protocol=fields["protocol"],
                local_ports=tuple(fields["local_ports"]),
                remote_addresses=tuple(fields["remote_addresses"]),
                display=fields["display"],
                group=fields["group"],
                program=fields["program"],
                profiles=(),
            )
    return replace(observed, firewall_rules=(*local.values(), *policy))
