"""What goes: the old binding of a moved port, bindings under ``purge_bindings``, and entries that served only those.

``purge_bindings`` removes the site's other HTTPS bindings, never another site's, never one that the estate declares on
the site, and nothing as long as the flag's own binding does not stand. A switched-off binding is removed under its own
``purge_bindings`` only. Bindings of the central store stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cemops.model.windows_observed import SslEntry
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.binding_views import (
    add_binding,
    of_entry,
    remove_binding,
    remove_certificate,
    set_back,
    view,
)
from cemops.planning.windows.desired import DesiredBinding, Purpose
from cemops.planning.windows.endpoints import (
    Endpoint,
    SiteBinding,
    catch_all,
    endpoint_of,
    endpoint_of_entry,
    is_tls,
    of_iis,
)
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.placement import Placed
from cemops.planning.windows.plan import WindowsPlan, merged
from cemops.planning.windows.situation import Outcome


@dataclass(frozen=True)
class Closing:
    """One binding that is removed, why, and who uses it."""

    binding: SiteBinding
    reason: str
    clients: str
    name: str
    """The FQDN by which they use it."""
    known: bool
    """Its actions are in the plan; not so while the binding that replaces it waits for its certificate."""


def closings(machine: Machine, outcomes: Mapping[Purpose, tuple[Placed, Outcome]]) -> tuple[Closing, ...]:
    """Return every binding that goes, each once."""
    found = [*_moved(machine, outcomes), *_purged(machine, outcomes)]
    return tuple({closing.binding: closing for closing in reversed(found)}.values())[::-1]


def _moved(machine: Machine, outcomes: Mapping[Purpose, tuple[Placed, Outcome]]) -> Iterator[Closing]:
    for placed, outcome in outcomes.values():
        desired, old = placed.desired, placed.old
        if old is None or not outcome.stands or not desired.enabled:
            continue
        yield Closing(
            SiteBinding(machine.site_name(desired.site), old),
            f"{desired.purpose} moves to port {desired.port}; this is its old binding (SS-03)",
            desired.clients,
            desired.names[0],
            outcome.known,
        )


def _purged(machine: Machine, outcomes: Mapping[Purpose, tuple[Placed, Outcome]]) -> Iterator[Closing]:
    for placed, outcome in outcomes.values():
        desired = placed.desired
        site = machine.http_sys.site(desired.site)
        if not desired.purge_bindings or site is None or (desired.enabled and not outcome.stands):
            continue
        kept = _kept(desired, outcomes)
        for binding in site.bindings:
            if not is_tls(binding) or binding.from_central_store or binding in kept:
                continue
            yield Closing(
                SiteBinding(site.name, binding),
                f"purge_bindings of {desired.purpose} is on, and the estate declares no such binding there (SS-05)",
                f"whoever uses {binding.information}",
                binding.host or desired.names[0],
                outcome.known,
            )


def _kept(purging: DesiredBinding, outcomes: Mapping[Purpose, tuple[Placed, Outcome]]) -> set[object]:
    """Return the bindings that a purge leaves: those of every purpose, but for its own where it is switched off."""
    return {
        placed.binding
        for placed, _ in outcomes.values()
        if placed.binding is not None
        and placed.desired.site.casefold() == purging.site.casefold()
        and (placed.desired.enabled or not placed.desired.purge_bindings)
    }


def plan_closings(
    machine: Machine, gone: tuple[Closing, ...], outcomes: Mapping[Purpose, tuple[Placed, Outcome]]
) -> WindowsPlan:
    """Plan the removals, and that of every entry of http.sys that nobody uses after them."""
    bindings = tuple(_remove(machine, closing) for closing in gone)
    leaving = {closing.binding for closing in gone} | {one for _, outcome in outcomes.values() for one in outcome.taken}
    coming = tuple(
        catch_all("https", placed.desired.port)
        for placed, outcome in outcomes.values()
        if placed.desired.protocol == "https" and placed.binding is None and outcome.stands
    )
    needed = {
        endpoint
        for user in (*(one.binding for one in machine.http_sys.bindings() if one not in leaving), *coming)
        if is_tls(user)
        for endpoint in _needed(endpoint_of(user), machine.http_sys.answering(user))
    }
    freed: dict[Endpoint, Closing] = {}
    for closing in gone:
        if is_tls(closing.binding.binding):
            freed.setdefault(endpoint_of(closing.binding.binding), closing)
    entries = tuple(
        _forget(machine, entry, closing)
        for endpoint, closing in freed.items()
        if endpoint not in needed and (entry := machine.http_sys.entry(endpoint)) is not None and of_iis(entry)
    )
    return merged((*bindings, *entries))


def _needed(own: Endpoint, answering: SslEntry | None) -> Iterable[Endpoint]:
    return (own,) if answering is None else (own, endpoint_of_entry(answering))


def _remove(machine: Machine, closing: Closing) -> WindowsPlan:
    binding = closing.binding.binding
    if machine.http_sys.stands_twice(closing.binding):
        return WindowsPlan(
            errors=(f"{closing.binding} is there twice, and cannot be removed: remove one of the two in IIS",)
        )
    restorable = closing.known and not machine.http_sys.contested(closing.binding)
    entry = machine.http_sys.answering(binding) if is_tls(binding) else None
    held = None if entry is None else of_entry(machine, entry)
    change = Change(
        machine.host,
        Resource.IIS_BINDING,
        f"{closing.binding.site} {binding.information}" if is_tls(binding) else str(closing.binding),
        Action.DELETE,
        closing.reason,
        before=view(closing.binding, endpoint_of(binding) if is_tls(binding) else None, held),
        warnings=(
            PlanWarning("binding-removed", f"{closing.clients}: port {binding.port} of {closing.name} closes", "SS-03"),
        ),
    )
    certificate = "" if held is None else f" (certificate {held.shown})"
    where = f"{machine.host}: {closing.binding.site}, {closing.name}:{binding.port}"
    return WindowsPlan(
        changes=(change,),
        actions=(remove_binding(closing.binding, change.id),) if closing.known else (),
        restore=(add_binding(closing.binding, change.id),) if restorable else (),
        cut_off=(f"{where}: {closing.clients} lose this port{certificate}",),
    )


def _forget(machine: Machine, entry: SslEntry, closing: Closing) -> WindowsPlan:
    endpoint = endpoint_of_entry(entry)
    if endpoint.kind == "ccs":
        return WindowsPlan()
    change = Change(
        machine.host,
        Resource.HTTP_SYS_CERTIFICATE,
        str(endpoint),
        Action.DELETE,
        f"no binding uses it once {closing.binding} is removed (SS-05)",
        before={**view(closing.binding, endpoint, of_entry(machine, entry)), "thumbprint": entry.thumbprint},
    )
    return WindowsPlan(
        changes=(change,),
        actions=(remove_certificate(endpoint, entry.thumbprint, change.id),) if closing.known else (),
        restore=(set_back(entry, change.id),) if closing.known and machine.serves(entry) else (),
    )
