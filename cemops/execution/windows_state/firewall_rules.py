"""Rules of the Windows firewall, as the registry keeps them: ``v2.30|Action=Allow|Active=TRUE|Dir=In|…|``.

The grammar is [MS-GPFAS] 2.2.2.19: no ``Active`` is FALSE, no ``Profile`` all, no ``Protocol`` any; ports and addresses
repeat, newer kinds of them under names with a version (``LPort2_10``, ``RA42``). Later versions add fields: those that
cemops does not know are passed over. The registry's name of the value is the rule's name, its identity.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal, TypeVar

from cemops.execution.windows_state.errors import DamagedEntryError
from cemops.execution.windows_state.registry import RegistryKey
from cemops.model.windows_observed import FirewallRule

_Value = TypeVar("_Value")
_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)
_LOCAL_PORTS = re.compile(r"lport([0-9]+_[0-9]+)?", re.ASCII)
_REMOTE_ADDRESSES = re.compile(r"ra[46][0-9]?(_[0-9]+)?", re.ASCII)
_CONDITIONS = re.compile(
    r"(?:rport.*|la[46].*|if|iftype.*|luauth.*|rmauth|ruauth|security.*|luown|apppkgid|fqbn.*|compartment.*)", re.ASCII
)
"""Fields that narrow a rule and that cemops compares, but does not set."""
_PROTOCOLS = {"6": "TCP", "17": "UDP", "256": "any"}
_PROFILES = ("Domain", "Private", "Public")
_ACTIONS: Mapping[str, Literal["Allow", "Block"]] = {"allow": "Allow", "block": "Block", "bypass": "Allow"}
_DIRECTIONS: Mapping[str, Literal["Inbound", "Outbound"]] = {"in": "Inbound", "out": "Outbound"}


def firewall_rules(tree: RegistryKey | None, *, policy: bool, unreadable: list[str]) -> Iterator[FirewallRule]:
    """Yield the rules of one key; ``policy``: of the group policies' one. Damaged rules go to ``unreadable``."""
    for name, value in tree.values.items() if tree is not None else ():
        try:
            yield firewall_rule(name, value.data, policy=policy)
        except DamagedEntryError as problem:
            where = "group policy's firewall rule" if policy else "firewall rule"
            unreadable.append(f"the {where} {name} {problem}: Windows ignores it; delete it or make it anew")


def firewall_rule(name: str, text: object, *, policy: bool = False) -> FirewallRule:
    """Read one rule. Raises DamagedEntryError for what is no rule."""
    if not isinstance(text, str):
        raise DamagedEntryError("is no text")
    version, *parts = text.split("|")
    if not _VERSION.fullmatch(version):
        raise DamagedEntryError("does not begin with its version")
    fields: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts:
        key, equals, value = part.partition("=")
        if part and not equals:
            raise DamagedEntryError(f"has {part!r}, which is no field")
        if value:
            fields[key.lower()].append(value)
    return FirewallRule(
        name=name,
        enabled=_one(fields, "active").lower() == "true",
        direction=_choice(_DIRECTIONS, _one(fields, "dir"), "direction"),
        action=_choice(_ACTIONS, _one(fields, "action"), "action"),
        protocol=_protocol(_one(fields, "protocol")),
        local_ports=_distinct(_port(value) for key, value in _all(fields) if _LOCAL_PORTS.fullmatch(key)),
        remote_addresses=_distinct(_address(value) for key, value in _all(fields) if _REMOTE_ADDRESSES.fullmatch(key)),
        display=_one(fields, "name"),
        group=_one(fields, "embedctxt"),
        profiles=_profiles(fields["profile"]),
        program=_one(fields, "app"),
        service=_one(fields, "svc"),
        policy=policy,
        conditions=_distinct(f"{key}={value}" for key, value in _all(fields) if _CONDITIONS.fullmatch(key)),
    )


def _one(fields: Mapping[str, list[str]], name: str) -> str:
    values = fields.get(name, [])
    if len(values) > 1:
        raise DamagedEntryError(f"has the field {name} {len(values)} times")
    return values[0] if values else ""


def _all(fields: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    return ((key, value) for key, values in fields.items() for value in values)


def _distinct(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _choice(values: Mapping[str, _Value], text: str, what: str) -> _Value:
    found = values.get(text.lower())
    if found is None:
        raise DamagedEntryError(f"has the {what} {text!r}" if text else f"has no {what}")
    return found


def _protocol(text: str) -> str:
    if not text:
        return "any"
    if not re.fullmatch("[0-9]{1,3}", text, re.ASCII):
        raise DamagedEntryError(f"has the protocol {text!r}")
    return _PROTOCOLS.get(text, text)


def _profiles(values: list[str]) -> tuple[str, ...]:
    """Return the profiles in one order; all of them are as good as none said. An unknown one is kept as it is."""
    known = {profile.lower(): profile for profile in _PROFILES}
    found = {known.get(value.lower(), value) for value in values}
    if found >= set(_PROFILES) or "all" in {value.lower() for value in values}:
        return ()
    return tuple(sorted(found))


def _port(text: str) -> str:
    """Return a port or range in its shortest spelling; keywords as they are."""
    first, dash, last = text.partition("-")
    if dash and first == last and first.isdecimal():
        return first
    return text


def _address(text: str) -> str:
    """Return an address in one spelling: ``10.0.0.0/255.255.255.0`` is ``10.0.0.0/24``, one of a single host bare."""
    first, dash, last = text.partition("-")
    if dash:
        return first if first == last else text
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    return str(network.network_address) if network.num_addresses == 1 else str(network)
