"""What one rule of the Windows firewall opens or closes: ports, sources, and whether a machine's own service gets it.

A rule for one program opens ports for that program alone; one for ``System`` (http.sys) or for no program in
particular opens them for IIS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from cemops.model.windows_observed import FirewallRule

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_WIDEST_SPAN = 1000
"""A rule over more ports is never what a declared flow needs."""


def lets_in(rule: FirewallRule) -> bool:
    """Tell whether the rule lets anything in."""
    return rule.enabled and rule.direction == "Inbound" and rule.action == "Allow"


def keeps_out(rule: FirewallRule) -> bool:
    """Tell whether the rule keeps something out. Windows lets a block win over every allow."""
    return rule.enabled and rule.direction == "Inbound" and rule.action == "Block"


def reaches(rule: FirewallRule, port: int) -> bool:
    """Tell whether the rule is about that TCP port: it names it, or it names none and is for no program of its own."""
    if rule.protocol not in ("TCP", "any"):
        return False
    if not rule.local_ports:
        return rule.program.casefold() in ("", "system") and rule.service in ("", "*")
    return any(first <= port <= last for first, last in _spans(rule.local_ports))


def ports_of(rule: FirewallRule) -> tuple[int, ...] | None:
    """Return the TCP ports that the rule names; None where it names none, a keyword, or a wide range."""
    spans = tuple(_spans(rule.local_ports))
    if rule.protocol != "TCP" or not spans or len(spans) < len(rule.local_ports):
        return None
    if sum(last - first + 1 for first, last in spans) > _WIDEST_SPAN:
        return None
    return tuple(sorted({port for first, last in spans for port in range(first, last + 1)}))


def within(sources: Sequence[str], allowed: Sequence[str]) -> bool:
    """Tell whether the sources of a rule (empty: anyone) are all among the allowed ones (empty: anyone)."""
    if not allowed:
        return True
    networks = [ipaddress.ip_network(one) for one in allowed]
    return bool(sources) and all(_inside(source, networks) for source in sources)


def overlap(sources: Sequence[str], others: Sequence[str]) -> bool:
    """Tell whether two lists of sources (empty: anyone) may have an address in common; keywords may mean anything."""
    if not sources or not others:
        return True
    networks = [ipaddress.ip_network(one) for one in others]
    for source in sources:
        found = _networks(source)
        if found is None or any(_overlaps(one, other) for one in found for other in networks):
            return True
    return False


def _spans(ports: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield first and last port of each entry; keywords such as ``RPC`` are none."""
    for entry in ports:
        first, dash, last = entry.partition("-")
        if first.isdecimal() and (last.isdecimal() if dash else True):
            yield int(first), int(last) if dash else int(first)


def _networks(source: str) -> list[_Network] | None:
    """Return a network, or the networks of a range; None for a keyword such as ``LocalSubnet``."""
    first, dash, last = source.partition("-")
    try:
        if not dash:
            return [ipaddress.ip_network(source, strict=False)]
        return list(ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last)))
    except (ValueError, TypeError):
        return None


def _inside(source: str, allowed: Sequence[_Network]) -> bool:
    found = _networks(source)
    return found is not None and all(any(_contains(outer, one) for outer in allowed) for one in found)


def _contains(outer: _Network, inner: _Network) -> bool:
    return (
        outer.version == inner.version
        and outer.network_address <= inner.network_address  # type: ignore[operator]  # same version, as just compared
        and inner.broadcast_address <= outer.broadcast_address  # type: ignore[operator]  # as above
    )


def _overlaps(one: _Network, other: _Network) -> bool:
    return one.version == other.version and one.overlaps(other)
