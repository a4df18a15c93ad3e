"""Which binding of a site is the one that the estate means, and which one is its old one on another port (SS-03).

The binding on the declared port: ``*`` without a host name, else one for a name of the server, else one for a single
address. ``[::]`` is an endpoint of its own, and never stands for ``*``.

The old one is moved, never doubled: the binding is made on the new port, and the old one removed after it. What is
safe to call old: a binding of the same site, for all addresses, without host name and not from the central store, on a
port that the estate declares for nothing else there, that

- stands on the port that a binding of this purpose has by default; or
- is the only HTTPS one left, for the only purpose without one, and serves, with install certificate off, a certificate
  for the server's name; with it on, the very certificate that this purpose gets, on no other binding of the site; or
- is the only one of a site that carries nothing else (the agent site).

Everything else stays, and is named in a warning. Whoever uses the old port stands in the plan's list of those who are
cut off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cemops.model.windows_observed import IisBinding, IisSite
from cemops.planning.certificate_fitness import name_problems
from cemops.planning.windows.desired import DesiredBinding, Purpose
from cemops.planning.windows.endpoints import has_thumbprint, is_tls
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.server_certificate import stored_for_server, thumbprints


@dataclass(frozen=True)
class Placed:
    """A desired binding, the one that is on its port, and the old one on another port."""

    desired: DesiredBinding
    binding: IisBinding | None
    old: IisBinding | None = None
    unclaimed: tuple[IisBinding, ...] = ()
    """Where no old one was found: bindings that may be it, and stay."""


def place(desired: Iterable[DesiredBinding], machine: Machine) -> tuple[Placed, ...]:
    """Find for each desired binding the one on its port, and the old ones of those that have none."""
    everything = tuple(desired)
    found = {one.purpose: _on_port(one, machine.http_sys.site(one.site)) for one in everything}
    olds: dict[Purpose, IisBinding] = {}
    left: dict[Purpose, tuple[IisBinding, ...]] = {}
    for protocol in ("http", "https"):
        for site in dict.fromkeys(one.site.casefold() for one in everything):
            here = [one for one in everything if one.site.casefold() == site]
            mine = [one for one in here if one.protocol == protocol]
            missing = [one for one in mine if one.enabled and one.movable and found[one.purpose] is None]
            candidates = _candidates(machine.http_sys.site(site), protocol, {one.port for one in here})
            claimed = _olds(missing, candidates, [one for one in map(found.get, found) if one is not None], machine)
            unclaimed = tuple(one for one in candidates if one not in claimed.values())
            olds |= claimed
            left |= {one.purpose: unclaimed for one in missing if one.purpose not in claimed}
    return tuple(
        Placed(one, found[one.purpose], olds.get(one.purpose), left.get(one.purpose, ())) for one in everything
    )


def _on_port(desired: DesiredBinding, site: IisSite | None) -> IisBinding | None:
    if site is None:
        return None
    ranked = [
        (rank, binding.information, binding)
        for binding in site.bindings
        if (rank := _rank(desired, binding)) is not None
    ]
    return min(ranked, key=lambda one: one[:2])[2] if ranked else None


def _rank(desired: DesiredBinding, binding: IisBinding) -> int | None:
    if binding.protocol.lower() != desired.protocol or binding.port != desired.port:
        return None
    if binding.address.startswith("[::]"):
        return None
    everywhere = binding.address == "*"
    if not binding.host:
        return 0 if everywhere else 2
    if binding.host.lower() not in {name.lower() for name in desired.names}:
        return None
    return 1 if everywhere else 3


def _candidates(site: IisSite | None, protocol: str, declared: set[int]) -> list[IisBinding]:
    return [
        binding
        for binding in (site.bindings if site is not None else ())
        if binding.protocol.lower() == protocol
        and binding.port is not None
        and binding.port not in declared
        and binding.address == "*"
        and not binding.host
        and not binding.from_central_store
    ]


def _olds(
    missing: list[DesiredBinding], candidates: list[IisBinding], in_place: list[IisBinding], machine: Machine
) -> dict[Purpose, IisBinding]:
    """Give each desired binding that has none its old one, where there can be no doubt."""
    olds: dict[Purpose, IisBinding] = {}
    for desired in missing:
        usual = [binding for binding in candidates if binding.port == desired.usual_port]
        if len(usual) == 1:
            olds[desired.purpose] = usual[0]
            candidates = [binding for binding in candidates if binding is not usual[0]]
    left = [desired for desired in missing if desired.purpose not in olds]
    if len(left) == 1 and len(candidates) == 1 and _is_for(left[0], candidates[0], in_place, machine):
        olds[left[0].purpose] = candidates[0]
    return olds


def _is_for(desired: DesiredBinding, binding: IisBinding, in_place: list[IisBinding], machine: Machine) -> bool:
    if desired.dedicated_site:
        return True
    entry = machine.http_sys.answering(binding) if desired.protocol == "https" else None
    facts = None if entry is None else machine.certificate_of(entry)
    if facts is None:
        return False
    if not desired.install_certificate:
        return not name_problems(facts, desired.names[0])
    elsewhere = [machine.http_sys.answering(one) for one in in_place if is_tls(one)]
    if desired.material is None or any(one and has_thumbprint(one, thumbprints(facts)) for one in elsewhere):
        return False
    declared = stored_for_server(desired.material, machine.observed.personal(), machine.now)
    return declared is not None and declared.sha256 == facts.sha256
