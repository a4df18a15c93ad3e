"""Where an agent must not get: destinations close to the allow-list, each to catch one way to err."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.probe.streams import endpoint_text, is_ip_address
from cemops.probe.subject import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemops.probe.subject import ProbeTarget

UNLISTED_NAME = "cemops-unlisted.invalid"
"""RFC 2606: no name server knows it. A gateway that tries to reach it answers 502 or 503 and not 403."""

UNUSED_ADDRESS = "192.0.2.1"
"""RFC 5737: an address that nobody has, for servers whose own address the estate does not know."""

OTHER_PORTS = (443, 22, 3389, 445, 8443)
"""The console's port (IG-02), remote administration, and what a web server may listen on beside it."""

HIGHEST_PORT = 65535


def unlisted_hosts(targets: Sequence[ProbeTarget]) -> tuple[str, ...]:
    """Give names that are not listed, with a listed port: a foreign one, three close to a listed one.

    The close ones catch an expression that is not anchored, a dot that stands for any character, and a name
    taken for the same with a dot at its end (ENGINEERING 9).
    """
    first = targets[0]
    listed = {target.host for target in targets}
    names = (UNLISTED_NAME, f"x{first.host}", first.host.replace(".", "-", 1), f"{first.host}.")
    return tuple(endpoint_text(name, first.port) for name in dict.fromkeys(names) if name not in listed)


def unlisted_ports(targets: Sequence[ProbeTarget]) -> tuple[str, ...]:
    """Give the first listed host with two ports that no entry has."""
    listed = {target.port for target in targets}
    ports = [port for port in OTHER_PORTS if port not in listed][:2]
    return tuple(endpoint_text(targets[0].host, port) for port in ports)


def cross_pairs(targets: Sequence[ProbeTarget]) -> tuple[str, ...] | Missing:
    """Give, for each server, its host with a port that only other entries have.

    A port that begins with one of the host's own is left to ``port_prefix``, so that each finding has one id.
    """
    pairs = []
    for target in targets:
        if not target.canonical:
            continue
        own = _ports_of(target.host, targets)
        others = [one.port for one in targets if not any(_begins_with(one.port, port) for port in own)]
        if others:
            pairs.append(endpoint_text(target.host, others[0]))
    if pairs:
        return tuple(pairs)
    return Missing("all entries have the same port, so there is no pair to cross")


def port_prefixes(targets: Sequence[ProbeTarget]) -> tuple[str, ...] | Missing:
    """Give a host with a port that begins with the digits of its own.

    Best one that another entry has brought into AllowCONNECT: a prefix match lets it through (ENGINEERING 1).
    Else a digit is appended.
    """
    listed = {target.port for target in targets}
    pairs = [
        endpoint_text(target.host, port)
        for target in targets
        if target.canonical
        for port in sorted(listed - _ports_of(target.host, targets))
        if _begins_with(port, target.port)
    ]
    if pairs:
        return tuple(pairs)
    for target in targets:
        for port in range(target.port * 10, target.port * 10 + 10):
            if port <= HIGHEST_PORT and port not in listed:
                return (endpoint_text(target.host, port),)
    return Missing("no valid port begins with the digits of a listed one")


def ip_addresses(targets: Sequence[ProbeTarget]) -> tuple[str, ...]:
    """Give addresses instead of names, with a listed port: a server's own, and the gateway's loopback."""
    listed = {target.host for target in targets}
    known = [(target.address, target.port) for target in targets if target.address]
    address, port = known[0] if known else (UNUSED_ADDRESS, targets[0].port)
    pairs = ((address, port), ("127.0.0.1", targets[0].port))
    return tuple(
        dict.fromkeys(
            endpoint_text(one, port) for one, port in pairs if one and is_ip_address(one) and one not in listed
        )
    )


def _ports_of(host: str, targets: Sequence[ProbeTarget]) -> set[int]:
    return {target.port for target in targets if target.host == host}


def _begins_with(port: int, other: int) -> bool:
    return str(port).startswith(str(other))
