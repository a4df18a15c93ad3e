"""The changes and payload actions of one HTTPS binding: its certificate, itself, and what it takes the port from."""

from __future__ import annotations

from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.binding_texts import certificate_change, cut_off_by_certificate, cut_off_by_taking
from cemops.planning.windows.binding_views import (
    ToBind,
    add_binding,
    of_entry,
    remove_binding,
    remove_certificate,
    set_back,
    set_certificate,
    view,
)
from cemops.planning.windows.endpoints import SiteBinding, endpoint_of
from cemops.planning.windows.plan import PayloadAction, WindowsPlan
from cemops.planning.windows.situation import Situation


def endpoint_changes(situation: Situation, bound: ToBind) -> WindowsPlan:
    """Give the endpoint its certificate. What served there before is put back by ``restore``."""
    change = certificate_change(situation, bound)
    current, exact = situation.current, situation.exact
    restore: tuple[PayloadAction, ...] = ()
    if current is not None and situation.in_use and situation.machine.serves(current):
        restore = (
            remove_certificate(situation.endpoint, bound.thumbprint, change.id)
            if exact is None
            else set_back(exact, change.id),
        )
    return WindowsPlan(
        changes=(change,),
        actions=(set_certificate(situation.endpoint, bound, change.id, exact),),
        restore=restore,
        cut_off=cut_off_by_certificate(situation, bound),
    )


def binding_changes(situation: Situation, served: ToBind, new_site: str | None) -> WindowsPlan:
    """Make the binding, after the bindings of other sites that it takes the port from."""
    machine, placed, own = situation.machine, situation.placed, situation.own
    desired, old = placed.desired, placed.old
    before = view(None, None, None)
    reason = situation.reason
    if old is not None:
        entry = machine.http_sys.answering(old)
        held = None if entry is None else of_entry(machine, entry)
        before = view(SiteBinding(own.site, old), endpoint_of(old), held)
        reason = f"the port moves from {old.port} to {desired.port} (SS-03); {reason}"
    elif situation.taken:
        before["iis"] = "; ".join(str(one) for one in situation.taken)
    if new_site is not None:
        change = Change(
            machine.host,
            Resource.IIS_SITE,
            desired.site,
            Action.CREATE,
            "the site is not in IIS, and is declared to be made there (create: iis, NS-02)",
            before=before,
            after={**view(own, situation.endpoint, served), "folder": new_site},
        )
    else:
        change = Change(
            machine.host,
            Resource.IIS_BINDING,
            f"{own.site} {desired.purpose}",
            Action.CREATE if old is None else Action.UPDATE,
            reason,
            before=before,
            after=view(own, situation.endpoint, served),
            warnings=_taking_warnings(situation),
        )
    taken, undo = _taking(situation, change.id)
    added = _site(own, new_site, change.id) if new_site is not None else (add_binding(own, change.id),)
    return WindowsPlan(
        changes=(change,),
        actions=(*taken, *added),
        restore=(remove_binding(own, change.id), *undo) if taken or old is not None else (),
        cut_off=cut_off_by_taking(situation),
    )


def _site(own: SiteBinding, folder: str, change: str) -> tuple[PayloadAction, ...]:
    binding = own.binding
    fields = {
        "site": own.site,
        "path": folder,
        "protocol": binding.protocol,
        "information": binding.information,
        "ssl_flags": binding.ssl_flags,
    }
    return (
        PayloadAction("folder.ensure", {"path": folder, "private": False}, change),
        PayloadAction("iis.site_add", fields, change),
        PayloadAction("iis.site_start", {"site": own.site}, change),
    )


def take_changes(situation: Situation) -> WindowsPlan:
    """Remove the same binding from other sites: only one of them can start."""
    machine, own = situation.machine, situation.own
    current = situation.served
    change = Change(
        machine.host,
        Resource.IIS_BINDING,
        f"{own.site} {situation.placed.desired.purpose}",
        Action.UPDATE,
        "other sites have the same binding, and take_port gives the port to this one",
        before={**view(own, situation.endpoint, current), "others": "; ".join(str(one) for one in situation.taken)},
        after={**view(own, situation.endpoint, current), "others": "none"},
        warnings=_taking_warnings(situation),
    )
    taken, undo = _taking(situation, change.id)
    return WindowsPlan(changes=(change,), actions=taken, restore=undo, cut_off=cut_off_by_taking(situation))


def _taking(situation: Situation, change: str) -> tuple[tuple[PayloadAction, ...], tuple[PayloadAction, ...]]:
    http_sys, taken = situation.machine.http_sys, situation.taken
    return (
        tuple(remove_binding(one, change) for one in taken),
        tuple(add_binding(one, change) for one in reversed(taken) if not http_sys.contested(one)),
    )


def _taking_warnings(situation: Situation) -> tuple[PlanWarning, ...]:
    return tuple(
        PlanWarning("port-taken", f"take_port is on: {one} is removed, its site loses the port", "SS-05")
        for one in situation.taken
    )
