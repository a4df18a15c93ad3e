"""Rules of the Windows firewall as the payload's actions, and what of them differs or is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cemops.model.windows_observed import FirewallRule
from cemops.planning.windows.desired_firewall import DesiredRule
from cemops.planning.windows.firewall_groups import group_name

GROUP = "cemops"
PREFIX = "cemops-"

Payload = tuple[str, dict[str, Any]]
"""An action's name and fields."""


def is_ours(rule: FirewallRule) -> bool:
    """Tell whether cemops made the rule: by its name and its group."""
    return not rule.policy and rule.name.casefold().startswith(PREFIX) and rule.group.casefold() == GROUP


def target_of(rule: DesiredRule) -> FirewallRule:
    """Return the rule as Windows is to hold it."""
    return FirewallRule(
        name=rule.name,
        enabled=True,
        direction="Inbound",
        action="Allow",
        protocol="TCP",
        local_ports=(str(rule.port),),
        remote_addresses=rule.sources,
        display=f"cemops: {rule.purpose}",
        group=GROUP,
    )


def differences(found: FirewallRule, target: FirewallRule) -> list[str]:
    """Name what differs; the order of ports and addresses does not matter."""

    def comparable(rule: FirewallRule) -> dict[str, Any]:
        return {
            "enabled": rule.enabled,
            "direction": rule.direction,
            "action": rule.action,
            "protocol": rule.protocol,
            "ports": set(rule.local_ports),
            "sources": set(rule.remote_addresses),
            "display name": rule.display,
            "group": rule.group,
            "profiles": set(rule.profiles),
            "program": rule.program,
            "service": rule.service,
            "conditions": set(rule.conditions),
        }

    wanted = comparable(target)
    return [name for name, value in comparable(found).items() if value != wanted[name]]


def set_rule(rule: FirewallRule) -> Payload:
    """Return the action that makes a rule, or makes it right."""
    return "firewall.set", {
        "rule": rule.name,
        "group": rule.group,
        "display": rule.display,
        "direction": rule.direction,
        "action": rule.action,
        "protocol": rule.protocol,
        "local_ports": list(rule.local_ports),
        "remote_addresses": list(rule.remote_addresses),
        "program": rule.program,
        "profiles": "Any",
        "enabled": rule.enabled,
    }


def restored(before: FirewallRule | None, after: FirewallRule | None) -> tuple[Payload, ...]:
    """Return what puts a rule back that was changed or removed: it may have been the way in.

    A rule that was made closes nothing and stays. Of another protocol than TCP and UDP only the switch can be put back.
    """
    if before is None:
        return ()
    if after is not None and (before.protocol not in ("TCP", "UDP") or after == replace(before, enabled=False)):
        return (("firewall.enable", {"rule": before.name, "enabled": before.enabled}),)
    return (set_rule(before),) if before.protocol in ("TCP", "UDP") else ()


def shown(rule: FirewallRule | None) -> dict[str, Any] | None:
    """Return what a plan shows of a rule before or after."""
    if rule is None:
        return None
    return {
        "enabled": rule.enabled,
        "direction": rule.direction,
        "action": rule.action,
        "protocol": rule.protocol,
        "ports": list(rule.local_ports) or ["any"],
        "sources": list(rule.remote_addresses) or ["any"],
        "display": rule.display,
        "group": group_name(rule.group),
    }
