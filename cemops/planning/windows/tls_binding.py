"""One HTTPS binding and its certificate: SS-05, with the overwrites that its flags allow and no other.

An entry of http.sys that answers for any binding, or that another program made, is replaced under ``force_overwrite``
only. An entry that IIS left behind and that serves nobody is no obstacle. An HTTPS binding whose endpoint has no entry
serves nobody either: it is given its certificate in every row, and the plan says that http.sys disagrees with IIS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cemops.planning.certificate_choice import expiry_warnings
from cemops.planning.changes import PlanWarning
from cemops.planning.windows.binding_changes import binding_changes, endpoint_changes, take_changes
from cemops.planning.windows.binding_texts import kept_warnings, no_binding, waiting
from cemops.planning.windows.binding_views import ToBind, of_entry, of_facts
from cemops.planning.windows.delivery import deliver
from cemops.planning.windows.endpoints import SiteBinding, catch_all, endpoint_of, has_thumbprint
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.placement import Placed
from cemops.planning.windows.plan import WindowsPlan, merged
from cemops.planning.windows.ports import holders, port_problems, shadows
from cemops.planning.windows.rollout_table import rollout_row
from cemops.planning.windows.server_certificate import (
    ServerCertificateChoice,
    choose_for_server,
    stored_for_server,
    thumbprints,
)
from cemops.planning.windows.situation import Outcome, Situation


def plan_tls_binding(machine: Machine, placed: Placed, new_site: str | None = None) -> Outcome:
    """Plan one HTTPS binding; ``new_site``: the folder of a site that is made with it."""
    desired, http_sys = placed.desired, machine.http_sys
    binding = placed.binding or catch_all("https", desired.port)
    own = SiteBinding(machine.site_name(desired.site), binding)
    endpoint = endpoint_of(binding)
    if placed.binding is not None and binding.from_central_store:
        return Outcome(WindowsPlan(warnings=(_central_store(own),)), stands=True)
    problems = port_problems(http_sys, placed, binding)
    if problems.errors:
        return Outcome(problems)
    taken = holders(http_sys, desired, binding) if desired.take_port else ()
    exact = http_sys.entry(endpoint)
    current = exact if placed.binding is None else http_sys.answering(binding)
    row = rollout_row(
        binding_exists=placed.binding is not None,
        force_overwrite=desired.force_overwrite,
        install_certificate=desired.install_certificate,
    )
    outcome = _outcome(Situation(machine, placed, row, own, endpoint, exact, current, taken), new_site)
    return replace(outcome, plan=merged((problems, outcome.plan)))


def _central_store(own: SiteBinding) -> PlanWarning:
    return PlanWarning(
        "central-store",
        f"the binding {own} takes its certificate from the central certificate store: cemops leaves it as it is; put "
        "the certificate into the store's share, or remove the binding",
        "SS-05",
    )


def _outcome(situation: Situation, new_site: str | None) -> Outcome:
    if situation.row.certificate == "there":
        bound = _there(situation)
        if bound is None:
            plan = no_binding(situation.machine, situation.placed, situation.own)
            return Outcome(plan, stands=situation.placed.binding is not None)
        return _bound(situation, bound, WindowsPlan(), new_site)
    return _declared(situation, new_site)


def _declared(situation: Situation, new_site: str | None) -> Outcome:
    """Deliver and bind the declared certificate, as far as it is known."""
    machine, desired = situation.machine, situation.placed.desired
    where = f"{desired.purpose} of {desired.site}"
    if desired.material is None:
        problem = "install_certificate is on, but no certificate is declared: declare one, or switch it off (SS-05)"
        return Outcome(WindowsPlan(errors=(f"{where}: {problem}",)))
    held = None if situation.current is None else situation.current.thumbprint
    choice = choose_for_server(desired.material, machine.observed.personal(), held, machine.now)
    if choice.source != "deliver":
        choice = choose_for_server(desired.material, machine.coming, held, machine.now)
    problems = (*(choice.reasons if choice.source == "refuse" else ()), *_a_gateways(machine, choice))
    if problems:
        return Outcome(WindowsPlan(errors=tuple(f"{where}: {problem}" for problem in problems)))
    delivery = merged((deliver(machine.host, desired, choice, machine.observed), WindowsPlan(warnings=choice.warnings)))
    if choice.source == "operator":
        waits = waiting(machine, situation.placed, situation.own, situation.current)
        return Outcome(merged((delivery, waits)), stands=situation.placed.binding is not None)
    bound = ToBind(None) if choice.facts is None else of_facts(choice.facts)
    return _bound(situation, bound, delivery, new_site)


def _a_gateways(machine: Machine, choice: ServerCertificateChoice) -> Iterator[str]:
    for thumbprint in () if choice.facts is None else thumbprints(choice.facts):
        if thumbprint in machine.gateway_thumbprints:
            yield (
                f"the certificate {thumbprint} is that of the gateway {machine.gateway_thumbprints[thumbprint]}, "
                "which must not be used here: declare another one (NS-04)"
            )
            return


def _bound(situation: Situation, bound: ToBind, delivery: WindowsPlan, new_site: str | None) -> Outcome:
    plan = merged((delivery, _consequences(situation, bound, new_site)))
    return Outcome(plan, stands=True, known=bound.thumbprint is not None, taken=situation.taken)


def _there(situation: Situation) -> ToBind | None:
    """Return the certificate that is there: the old endpoint's where a port moves, the endpoint's, the declared one."""
    machine, placed = situation.machine, situation.placed
    entries = [] if placed.old is None else [machine.http_sys.answering(placed.old)]
    for entry in (*entries, situation.current):
        if entry is not None and machine.will_serve(entry):
            return of_entry(machine, entry)
    if placed.desired.material is None:
        return None
    facts = stored_for_server(placed.desired.material, machine.coming, machine.now)
    return None if facts is None else of_facts(facts)


def _consequences(situation: Situation, bound: ToBind, new_site: str | None) -> WindowsPlan:
    current, create = situation.current, situation.row.binding == "create"
    right = current is not None and has_thumbprint(current, bound.thumbprints)
    write = not right and (current is None or situation.may_replace)
    served = bound if write or situation.served is None else situation.served
    parts = []
    if not right and not write:
        parts.append(WindowsPlan(warnings=kept_warnings(situation, bound)))
    if write:
        parts.append(endpoint_changes(situation, bound))
    if create:
        parts.append(binding_changes(situation, served, new_site))
    elif situation.taken:
        parts.append(take_changes(situation))
    http_sys, own = situation.machine.http_sys, situation.own
    parts.append(WindowsPlan(warnings=tuple(_served_warnings(situation, served))))
    found = shadows(http_sys, situation.placed.desired, own.binding, situation.endpoint, served)
    plan = merged((*parts, WindowsPlan(warnings=tuple(found))))
    if bound.thumbprint is None and (write or create):
        return WindowsPlan(changes=plan.changes, warnings=plan.warnings, cut_off=plan.cut_off)
    return plan


def _served_warnings(situation: Situation, served: ToBind) -> Iterator[PlanWarning]:
    """Warn where what serves runs out, or is not what is declared though nothing is to be delivered (SS-13)."""
    material, now = situation.placed.desired.material, situation.machine.now
    if served.facts is not None:
        yield from expiry_warnings(served.facts, now)
    if situation.row.certificate == "declared" or material is None:
        return
    declared = () if material.facts is None else thumbprints(material.facts)
    declared = (*declared, *(() if material.thumbprint is None else (material.thumbprint,)))
    if material.kind in ("pfx", "thumbprint") and declared and not set(declared) & set(served.thumbprints):
        yield PlanWarning(
            "certificate-differs",
            f"{situation.endpoint} serves {served.shown}, and {declared[0]} is declared: it is left, because "
            f"{situation.placed.desired.why_not_installed}",
            "SS-13",
        )
