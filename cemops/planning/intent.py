"""Whether a change is intended or corrective: did the estate change since the last apply, or did the host drift? Pure.

A change that the estate of the last apply asks for, too, is corrective: that apply left the host as it wanted it, and
somebody else has changed it since. What only the estate of now asks for is intended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cemops.planning.changes import Action, Change, HostPlan, HostStatus, Intent, PlanWarning, host_status
from cemops.planning.saved_plan import PlannedChange


@dataclass(frozen=True)
class Baselines:
    """What each host was last brought to: the digest of an estate's text by host, and the texts by digest."""

    hosts: Mapping[str, str]
    texts: Mapping[str, str]


def classified(changes: Iterable[Change], earlier: Iterable[Change] | None) -> tuple[Change, ...]:
    """Mark each change. ``earlier``: what the estate of the last apply would change now; None: there was no apply."""
    known = [] if earlier is None else [PlannedChange.of(change) for change in earlier]
    return tuple(
        change
        if change.action is Action.OPERATOR
        else replace(
            change,
            intent=Intent.CORRECTIVE if any(one.covers(change) for one in known) else Intent.INTENDED,
        )
        for change in changes
    )


def intent_unknown(trouble: str) -> PlanWarning:
    """Warn that changes have no intent, because what is remembered of the last apply is out of reach."""
    return PlanWarning("intent-unknown", f"what was intended cannot be told from what drifted: {trouble}")


def drift_of(plan: HostPlan, earlier: Iterable[Change] | None) -> HostPlan:
    """Keep of a host's plan what is drift alone, as the estate of the last apply would undo it (``earlier``).

    A resource that was changed by hand has drifted though the estate of now asks for something else of it: that waits
    to be applied. One that is as the estate of now declares it has not. None: there is no apply to compare with, which
    is an error of a host that differs.
    """
    if plan.error is not None or not plan.managed:
        return plan
    if plan.status is HostStatus.IN_SYNC:
        return replace(plan, cut_off=(), refusals=())
    if plan.is_unfinished:
        waiting = PlanWarning(
            "unfinished-apply",
            "an apply is at work here, or was cut off before it was confirmed: what drifted is told when it is settled",
        )
        return replace(plan, status=HostStatus.IN_SYNC, changes=(), warnings=(waiting,), cut_off=(), refusals=())
    if earlier is None:
        unknown = (
            "no apply of this host is known here that still can be planned: what drifted cannot be told from what was "
            f"never applied. Read its plan, then run `cemops apply --limit {plan.host}`; where others apply, or "
            "runners that come and go, declare change.store (docs/gitops.md)"
        )
        return replace(plan, status=HostStatus.ERROR, error=unknown, changes=(), cut_off=(), refusals=())
    differing = {change.id for change in plan.changes if not change.by_operator}
    drift = tuple(replace(change, intent=Intent.CORRECTIVE) for change in earlier if change.id in differing)
    return replace(
        plan,
        status=host_status(drift),
        changes=drift,
        cut_off=(),  # of what the estate asks for now
        refusals=plan.refusals if drift else (),
    )
