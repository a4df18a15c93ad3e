"""Windows' own groups of firewall rules: the registry has a resource's number, people know the English name."""

from __future__ import annotations

from collections.abc import Iterable

from cemops.model.windows_observed import FirewallRule

_WINDOWS_GROUPS = {
    "@firewallapi.dll,-25000": "Core Networking",
    "@firewallapi.dll,-27000": "Core Networking Diagnostics",
    "@firewallapi.dll,-28502": "File and Printer Sharing",
    "@firewallapi.dll,-28752": "Remote Desktop",
    "@firewallapi.dll,-28782": "Remote Desktop (WebSocket)",
    "@firewallapi.dll,-29252": "Remote Event Log Management",
    "@firewallapi.dll,-29502": "Remote Service Management",
    "@firewallapi.dll,-30002": "Windows Defender Firewall Remote Management",
    "@firewallapi.dll,-30252": "Windows Remote Management (Compatibility)",
    "@firewallapi.dll,-30267": "Windows Remote Management",
    "@firewallapi.dll,-32752": "Network Discovery",
    "@firewallapi.dll,-33252": "Remote Scheduled Tasks Management",
    "@firewallapi.dll,-33502": "Distributed Transaction Coordinator",
    "@firewallapi.dll,-34251": "Windows Management Instrumentation (WMI)",
    "@firewallapi.dll,-34501": "Remote Volume Management",
    "@firewallapi.dll,-34752": "Performance Logs and Alerts",
    "@firewallapi.dll,-36751": "Remote Shutdown",
    "@firewallapi.dll,-36801": "Remote Event Monitor",
    "@firewallapi.dll,-37302": "mDNS",
    "@firewallapi.dll,-37681": "Netlogon Service",
    "@firewallapi.dll,-50323": "SNMP Trap",
    "@firewallapi.dll,-53012": "DNS Service",
    "@iisres.dll,-30501": "World Wide Web Services (HTTP)",
}
ALWAYS_KEPT = "Core Networking"
"""DHCP, neighbour discovery and the like: a machine without them loses its address, and no estate declares them."""


def group_name(group: str) -> str:
    r"""Return a group's English name where Windows names it by a resource (``@…\FirewallAPI.dll,-28752``)."""
    if not group.startswith("@"):
        return group
    return _WINDOWS_GROUPS.get("@" + group.removeprefix("@").rpartition("\\")[2].casefold(), group)


def is_named_by(rule: FirewallRule, name: str) -> bool:
    """Tell whether an entry of ``keep`` means the rule: its name, display name or group, without case."""
    return name.casefold() in {
        text.casefold() for text in (rule.name, rule.display, rule.group, group_name(rule.group)) if text
    }


def label(rule: FirewallRule) -> str:
    """Return what people call the rule: its name, and its display name where Windows keeps that as text."""
    origin = " (group policy)" if rule.policy else ""
    shown = rule.display and not rule.display.startswith("@") and rule.display != rule.name
    return f"{rule.name} [{rule.display}]{origin}" if shown else f"{rule.name}{origin}"


def labels(rules: Iterable[FirewallRule]) -> str:
    """Return the labels of several rules."""
    return ", ".join(label(rule) for rule in rules)
