"""Which binding of a site is the one that the estate means, and which one is its old one on another port (SS-03).

The binding on the declared port: ``*`` without a host name, else one for a name of the server, else one for a single
address. ``[::]`` is an endpoint of its own, and never stands for ``*``.

The old one is moved, never doubled: the binding is made on the new port, and the old one removed after it. What is
safe to call old: a binding of the same site, for all addresses, without host name and not from the central store, on a
port that the estate declares for nothing else there; and it stands on the port that a binding of this purpose has by
default; or it is the only one left, for the only purpose that has none, and serves a certificate for the server's name
(for plain HTTP, and on a site that carries nothing else: is the only one). Everything else stays. Whoever uses the old
port stands in the plan's list of those who are cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cemops.model.windows_observed import IisBinding, IisSite, ObservedWindows
from cemops.planning.certificate_fitness import name_problems
from cemops.planning.windows.desired import DesiredBinding
from cemops.planning.windows.endpoints import HttpSys
from cemops.planning.windows.server_certificate import thumbprints


@dataclass(frozen=True)
class Placed:
    """A desired binding, the one that is on its port, and the old one on another port."""

    desired: DesiredBinding
    binding: IisBinding | None
    old: IisBinding | None = None


def place(desired: Iterable[DesiredBinding], observed: ObservedWindows) -> tuple[Placed, ...]:
    """Find for each desired binding the one on its port, and the old ones of those that have none."""
    http_sys = HttpSys(observed)
    everything = tuple(desired)
    found = {id(one): _on_port(one, http_sys.site(one.site)) for one in everything}
    olds: dict[int, IisBinding] = {}
    for protocol in ("http", "https"):
        for site in dict.fromkeys(one.site.casefold() for one in everything):
            mine = [one for one in everything if one.protocol == protocol and one.site.casefold() == site]
            missing = [one for one in mine if one.enabled and one.movable and found[id(one)] is None]
            declared = {one.port for one in everything if one.site.casefold() == site}
            olds |= _olds(missing, _candidates(http_sys.site(site), protocol, declared), observed)
    return tuple(Placed(one, found[id(one)], olds.get(id(one))) for one in everything)


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
    missing: list[DesiredBinding], candidates: list[IisBinding], observed: ObservedWindows
) -> Mapping[int, IisBinding]:
    """Give each desired binding that has none its old one, where there can be no doubt."""
    olds: dict[int, IisBinding] = {}
    for desired in missing:
        usual = [binding for binding in candidates if binding.port == desired.usual_port]
        if len(usual) == 1:
            olds[id(desired)] = usual[0]
            candidates = [binding for binding in candidates if binding is not usual[0]]
    left = [desired for desired in missing if id(desired) not in olds]
    if len(left) == 1 and len(candidates) == 1 and _is_for(left[0], candidates[0], observed):
        olds[id(left[0])] = candidates[0]
    return olds


def _is_for(desired: DesiredBinding, binding: IisBinding, observed: ObservedWindows) -> bool:
    if desired.dedicated_site or desired.protocol == "http":
        return True
    entry = HttpSys(observed).answering(binding)
    if entry is None:
        return False
    held = (found.facts for found in observed.personal() if entry.thumbprint in thumbprints(found.facts))
    return any(not name_problems(facts, desired.names[0]) for facts in held)
