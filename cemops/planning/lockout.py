"""Who loses a gateway, or what is behind it, when its configuration changes: what ``--accept-lockout`` counts.

A change of the gateway's own certificate is judged in :mod:`cemops.planning.certificate_change`. A site server that
leaves an allow-list is a warning there, not a lockout: its Internet site has others (SS-07).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cemops.model import topology
from cemops.model.estate import Estate
from cemops.model.gateways import Gateway
from cemops.planning.change_window import next_opening
from cemops.planning.live_configuration import allowed_targets, listening_ports
from cemops.planning.materials import AuthorityMaterial
from cemops.planning.revocation import LiveTrust


@dataclass(frozen=True)
class Surroundings:
    """What the rest of the estate says of a gateway's agents."""

    elsewhere: frozenset[str] = frozenset()
    """``host:port`` entries that another gateway lists: agents rotate to it (C-07). Of a gateway in policies only what
    the other gateways of each of them list: agents know no others (PO-01)."""
    site_servers: frozenset[str] = frozenset()
    """Entries that are site servers'."""
    next_window: datetime | None = None
    """When hosts may next be changed after the window of now; None where that is always."""


ALONE = Surroundings()
"""No other gateway, no site server, no change window."""


def surroundings(estate: Estate, gateway: Gateway, now: datetime) -> Surroundings:
    """Look at the estate around a gateway."""
    listed = {one.name: frozenset(map(str, topology.allow_list(estate, one))) for one in estate.gateways}
    rotations = [policy.gateways for policy in estate.policies if policy.enabled and gateway.name in policy.gateways]
    entries = [target for one in estate.gateways for target in topology.allow_list(estate, one)]
    declared = {f"{server.fqdn}:{topology.effective_web(estate, server).cem.port}" for server in estate.site_servers}
    opening = next_opening(estate.change_windows, now)
    return Surroundings(
        elsewhere=frozenset.intersection(
            *(
                frozenset().union(*(listed[name] for name in rotation if name != gateway.name))
                for rotation in rotations or [tuple(listed)]
            )
        ),
        site_servers=frozenset(declared | {str(target) for target in entries if target.kind == "site_server"}),
        next_window=None if opening is None else opening[1],
    )


def cut_off_by_release(host: str, live: str | None, desired: str | None, around: Surroundings) -> Iterator[str]:
    """Yield a line for each port that agents know and that closes, and each NS that no gateway leads to any more."""
    if live is None or desired is None:
        return
    for port in sorted(listening_ports(live) - listening_ports(desired)):
        yield f"{host}: agents whose policy names port {port} cannot connect until they have the new one (PO-01)"
    lost = allowed_targets(live) - allowed_targets(desired) - around.elsewhere - around.site_servers
    for target in sorted(lost):
        yield f"{host}: no gateway that its agents know leads to {target} any more (IG-02, PO-01)"


def has_empty_policy(estate: Estate) -> bool:
    """Tell whether agents of an enabled policy get no gateway."""
    return any(policy.enabled and not policy.gateways for policy in estate.policies)


def cut_off_by_policies(gateway: str, earlier: Estate, estate: Estate) -> Iterator[str]:
    """Yield a line for each policy that named this gateway when it was last applied, and names no gateway now.

    A policy that is gone or disabled cuts nobody off: its agents keep the gateways that they know (PO-02).
    """
    now = {(policy.notification_server, policy.name): policy for policy in estate.policies if policy.enabled}
    for policy in earlier.policies:
        found = now.get((policy.notification_server, policy.name))
        if policy.enabled and gateway in policy.gateways and found is not None and not found.gateways:
            yield (
                f"{gateway}: agents of the policy {policy.name} ({policy.notification_server}) have no gateway any "
                "more: this was one of its last (PO-01)"
            )


def cut_off_by_trust(
    host: str, materials: Sequence[AuthorityMaterial], live: LiveTrust, around: Surroundings
) -> Iterator[str]:
    """Yield a line for each CA whose agents are refused: it leaves the bundle, or its CRL runs out too early."""
    kept = {material.certificate.sha256 for material in materials if material.certificate is not None}
    for ca in live.authorities:
        if ca.sha256 not in kept:
            yield f"{host}: agents of the CA {ca.subject} ({ca.sha1}) cannot connect any more (C-01)"
    for material in materials:
        crl = None if material.will_make_crl else material.crl
        if crl is None or crl.next_update is None or around.next_window is None:
            continue
        if crl.next_update < around.next_window:
            yield (
                f"{host}: every agent of {material.name} is refused from {crl.next_update:%Y-%m-%d %H:%M} UTC, when "
                f"its CRL expires, until the next change window on {around.next_window:%Y-%m-%d %H:%M %Z} (CE-08)"
            )
