"""One plain HTTP binding of a site server (SS-01): made where it is missing, moved where its port changes."""

from __future__ import annotations

from cemops.planning.changes import Action, Change, Resource
from cemops.planning.windows.binding_views import add_binding, view
from cemops.planning.windows.endpoints import SiteBinding, catch_all
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.placement import Placed
from cemops.planning.windows.plan import WindowsPlan
from cemops.planning.windows.ports import port_problems
from cemops.planning.windows.situation import Outcome


def plan_http_binding(machine: Machine, placed: Placed) -> Outcome:
    """Plan a site's plain HTTP binding; no flag takes its port from another site."""
    desired, old = placed.desired, placed.old
    binding = placed.binding or catch_all("http", desired.port)
    problems = port_problems(machine.http_sys, placed, binding)
    if problems.errors or placed.binding is not None:
        return Outcome(problems, stands=placed.binding is not None)
    own = SiteBinding(machine.site_name(desired.site), binding)
    moved = None if old is None else SiteBinding(own.site, old)
    change = Change(
        machine.host,
        Resource.IIS_BINDING,
        f"{own.site} {desired.purpose}",
        Action.CREATE if old is None else Action.UPDATE,
        "the site has no HTTP binding on this port (SS-01)"
        if old is None
        else f"the port moves from {old.port} to {desired.port} (SS-03)",
        before=None if moved is None else view(moved, None, None),
        after=view(own, None, None),
    )
    return Outcome(WindowsPlan(changes=(change,), actions=(add_binding(own, change.id),)), stands=True)
