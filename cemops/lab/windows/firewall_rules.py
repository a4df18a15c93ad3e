"""Rules of the Windows firewall, kept where Windows keeps them: as strings in the registry, by rule name."""

from __future__ import annotations

from dataclasses import dataclass

from cemops.lab.windows.registry_model import Registry

RULES = r"HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
_VERSION = "v2.30"
_DIRECTIONS = {"Inbound": "In", "Outbound": "Out"}
_PROTOCOLS = {"TCP": "6", "UDP": "17"}


@dataclass(frozen=True)
class FirewallEntry:
    """One rule; empty ports or addresses mean any."""

    group: str
    display: str
    direction: str
    action: str
    protocol: str
    local_ports: tuple[str, ...]
    remote_addresses: tuple[str, ...]
    program: str
    profiles: str
    enabled: bool

    def as_text(self) -> str:
        """Return the rule as Windows writes it down."""
        fields = [
            ("Action", self.action),
            ("Active", "TRUE" if self.enabled else "FALSE"),
            ("Dir", _DIRECTIONS[self.direction]),
            ("Protocol", _PROTOCOLS[self.protocol]),
            *(("LPort2_10" if "-" in port else "LPort", port) for port in self.local_ports),
            *((_address_field(address), address) for address in self.remote_addresses),
            *([("App", self.program)] if self.program else []),
            *(("Profile", profile) for profile in self.profiles.split(",") if profile != "Any"),
            ("Name", self.display),
            *([("EmbedCtxt", self.group)] if self.group else []),
        ]
        return f"{_VERSION}|" + "".join(f"{name}={value}|" for name, value in fields)


def _address_field(address: str) -> str:
    return "RA6" if ":" in address else "RA4"


def _mirrored(names: dict[str, str], written: str) -> str:
    return next((name for name, value in names.items() if value == written), written)


def parse_rule(text: str) -> FirewallEntry:
    """Return the rule in a string of the registry; fields that the wire has no place for are left out."""
    fields: dict[str, list[str]] = {}
    for part in text.split("|")[1:]:
        name, equals, value = part.partition("=")
        if equals:
            fields.setdefault(name, []).append(value)

    def one(name: str) -> str:
        return fields.get(name, [""])[0]

    return FirewallEntry(
        group=one("EmbedCtxt"),
        display=one("Name"),
        direction=_mirrored(_DIRECTIONS, one("Dir")),
        action=one("Action"),
        protocol=_mirrored(_PROTOCOLS, one("Protocol")),
        local_ports=tuple(fields.get("LPort", []) + fields.get("LPort2_10", [])),
        remote_addresses=tuple(fields.get("RA4", []) + fields.get("RA6", [])),
        program=one("App"),
        profiles=",".join(fields.get("Profile", [])) or "Any",
        enabled=one("Active") == "TRUE",
    )


def rule_text(registry: Registry, rule: str) -> str | None:
    """Return a rule's string by its name; None where there is no such rule."""
    key = registry.key(RULES)
    value = None if key is None else key.value(rule)
    return None if value is None else str(value["data"])


def set_rule(registry: Registry, rule: str, entry: FirewallEntry) -> None:
    """Write a rule."""
    registry.make_key(RULES).set_value(rule, "String", entry.as_text())


def remove_rule(registry: Registry, rule: str) -> None:
    """Remove a rule where it is there."""
    key = registry.key(RULES)
    if key is not None:
        key.remove_value(rule)


def enable_rule(registry: Registry, rule: str, enabled: bool) -> None:
    """Switch a rule on or off and leave the rest of its string as it is, whoever wrote it."""
    text = rule_text(registry, rule) or ""
    wanted = "Active=TRUE" if enabled else "Active=FALSE"
    parts = [wanted if part.startswith("Active=") else part for part in text.split("|")]
    registry.make_key(RULES).set_value(rule, "String", "|".join(parts))
