"""A change of a Windows machine that waits for its confirmation, as the next plan sees it."""

from __future__ import annotations

from cemops.model.windows_observed import ObservedWindows
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.plan import WindowsPlan


def plan_pending(host: str, observed: ObservedWindows) -> WindowsPlan:
    """Name each dead man that an earlier apply left: apply confirms or undoes what it guards before anything else."""
    return WindowsPlan(
        changes=tuple(
            Change(
                host,
                Resource.MACHINE,
                f"dead man {man.token}",
                Action.UPDATE,
                "an earlier apply was cut off and its change has been undone: apply clears what is left of it"
                if man.fired
                else "an earlier apply was cut off before it was confirmed: apply checks what it left first, and "
                "confirms or undoes it",
                before={"fired": man.fired, "due": man.due.isoformat(timespec="seconds")},
                warnings=()
                if man.fired
                else (
                    PlanWarning(
                        "pending-switch",
                        f"it is undone by itself at {man.due:%Y-%m-%d %H:%M:%S} UTC if nothing is done",
                    ),
                ),
                unfinished=True,
            )
            for man in observed.dead_men
        )
    )
