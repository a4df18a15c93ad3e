"""All declared bindings of one machine together: placed, planned one by one, and what goes after them.

Certificates and new bindings come first, removals last. A plan with errors has no actions: nothing is half-done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from cemops.model.certificates import CertificateFacts
from cemops.planning.changes import PlanWarning
from cemops.planning.windows.closings import closings, plan_closings
from cemops.planning.windows.desired import DesiredBinding, Purpose
from cemops.planning.windows.endpoints import SiteBinding, catch_all, endpoint_of, endpoint_of_entry, of_iis
from cemops.planning.windows.http_binding import plan_http_binding
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.placement import Placed, place
from cemops.planning.windows.plan import PayloadAction, WindowsPlan, merged
from cemops.planning.windows.situation import Outcome
from cemops.planning.windows.tls_binding import plan_tls_binding

Outcomes = Mapping[Purpose, tuple[Placed, Outcome]]


def plan_bindings(machine: Machine, desired: tuple[DesiredBinding, ...], new_site: str | None = None) -> WindowsPlan:
    """Plan the declared bindings of a machine; ``new_site``: the folder of the first one's site, to be made."""
    errors = (*_same_port(desired), *_no_site(machine, desired, made=new_site is not None))
    if errors:
        return WindowsPlan(errors=errors)
    first = _outcomes(machine, desired, new_site)
    outcomes = _outcomes(replace(machine, arriving=_arriving(first)), desired, new_site)
    gone = closings(machine, outcomes)
    removed = {closing.binding for closing in gone}
    parts = (
        *(outcome.plan for _, outcome in outcomes.values()),
        plan_closings(machine, gone, outcomes),
        WindowsPlan(warnings=(*_left(machine, outcomes.values(), removed), *_reports(machine, outcomes.values()))),
    )
    return without_half(merged(parts))


def _outcomes(machine: Machine, desired: tuple[DesiredBinding, ...], new_site: str | None) -> Outcomes:
    return {
        placed.desired.purpose: (placed, _outcome(machine, placed, new_site if placed.desired is desired[0] else None))
        for placed in place(desired, machine)
    }


def _arriving(outcomes: Outcomes) -> tuple[CertificateFacts, ...]:
    """Return what the plans of the bindings import: one purpose's certificate may be what another looks for."""
    return tuple(
        placed.desired.material.facts
        for placed, outcome in outcomes.values()
        if placed.desired.material is not None
        and placed.desired.material.facts is not None
        and any(action.op == "certificate.import_pfx" for action in outcome.plan.actions)
    )


def without_half(plan: WindowsPlan) -> WindowsPlan:
    """Return a plan whose actions stand each once, and none at all beside errors."""
    if plan.errors:
        return WindowsPlan(changes=plan.changes, errors=plan.errors, warnings=plan.warnings, cut_off=plan.cut_off)
    return WindowsPlan(
        changes=plan.changes,
        actions=tuple(sorted(_once(plan.actions), key=lambda action: not action.op.startswith("certificate."))),
        restore=plan.restore,
        warnings=plan.warnings,
        cut_off=plan.cut_off,
        to_make=plan.to_make,
    )


def _once(actions: tuple[PayloadAction, ...]) -> tuple[PayloadAction, ...]:
    """Drop what two purposes both need: a certificate that they share is imported once."""
    seen = {(action.op, tuple(sorted(action.fields.items()))): action for action in reversed(actions)}
    return tuple(reversed(seen.values()))


def _same_port(desired: tuple[DesiredBinding, ...]) -> Iterator[str]:
    enabled = [one for one in desired if one.enabled]
    for port, count in Counter(one.port for one in enabled).items():
        if count > 1:
            who = " and ".join(one.purpose for one in enabled if one.port == port)
            yield f"{who} are declared on the same port {port}: give each its own (SS-01, IG-02)"


def _no_site(machine: Machine, desired: tuple[DesiredBinding, ...], *, made: bool) -> Iterator[str]:
    wanted = [one for one in (desired[1:] if made else desired) if one.enabled]
    for name in dict.fromkeys(one.site for one in wanted):
        if machine.http_sys.site(name) is None:
            there = ", ".join(site.name for site in machine.observed.sites) or "none"
            yield f"there is no site {name} in IIS of {machine.host} (there is: {there}): correct its name, or make it"


def _outcome(machine: Machine, placed: Placed, new_site: str | None) -> Outcome:
    if not placed.desired.enabled:
        return Outcome(WindowsPlan())
    if placed.desired.protocol == "http":
        return plan_http_binding(machine, placed)
    return plan_tls_binding(machine, placed, new_site)


def _left(
    machine: Machine, outcomes: Iterable[tuple[Placed, Outcome]], removed: set[SiteBinding]
) -> Iterator[PlanWarning]:
    """Name switched-off bindings that are still there, and those that may be the old one of a binding that is made."""
    for placed, _ in outcomes:
        for other in placed.unclaimed:
            undeclared = SiteBinding(machine.site_name(placed.desired.site), other)
            if undeclared not in removed:
                yield _may_be_old(placed.desired, undeclared)
        desired, binding = placed.desired, placed.binding
        site = machine.http_sys.site(desired.site)
        if desired.enabled or binding is None or site is None or SiteBinding(site.name, binding) in removed:
            continue
        repair = "remove it in IIS" if desired.protocol == "http" else "set purge_bindings to remove it"
        yield PlanWarning(
            "binding-left",
            f"{desired.purpose} is off, but {SiteBinding(site.name, binding)} is there: it is left as it is; {repair}",
            "SS-01",
        )


def _may_be_old(desired: DesiredBinding, other: SiteBinding) -> PlanWarning:
    repair = "set purge_bindings to remove it" if desired.purpose in ("https", "cem") else "remove it in IIS"
    return PlanWarning(
        "undeclared-binding",
        f"{other} is not declared and is left as it is; if it is the old port of {desired.purpose}, {repair}",
        "SS-03",
    )


def _reports(machine: Machine, outcomes: Iterable[tuple[Placed, Outcome]]) -> Iterator[PlanWarning]:
    """Report what is odd and left alone: entries that no binding uses, bindings that stand twice."""
    twice = {one.identity: one for one in machine.http_sys.bindings() if machine.http_sys.stands_twice(one)}
    for binding in twice.values():
        yield PlanWarning("duplicate-binding", f"{binding} stands more than once in IIS: remove all but one", "SS-05")
    ours = {
        endpoint_of(placed.binding or catch_all("https", placed.desired.port))
        for placed, outcome in outcomes
        if placed.desired.protocol == "https" and outcome.stands
    }
    for entry in machine.http_sys.entries:
        endpoint = endpoint_of_entry(entry)
        if endpoint in ours or not of_iis(entry) or machine.http_sys.users(endpoint):
            continue
        yield PlanWarning(
            "orphaned-entry",
            f"http.sys holds the certificate {entry.thumbprint} for {endpoint}, which no binding of IIS uses: it is "
            "left as it is",
            "SS-05",
        )
