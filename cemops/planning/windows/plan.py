"""What is to be done on one Windows machine: changes for people, payload actions for the machine.

Actions are data without secrets (docs/windows-payload.md): an action whose bytes or password come from PKI or a secret
store names them by ``material``, and execution puts them in at the last moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cemops.planning.changes import Change, PlanWarning


@dataclass(frozen=True)
class PayloadAction:
    """One action of the payload's ``apply``. ``fields`` is plain JSON data; ``change`` the id of the change it makes.

    ``material``: ``pfx:PURPOSE`` (execution adds ``pfx`` and ``password``), ``password:ACCOUNT`` (adds ``password``),
    None where nothing is missing.
    """

    op: str
    fields: Mapping[str, Any]
    change: str
    material: str | None = None


@dataclass(frozen=True)
class WindowsPlan:
    """The plan of one Windows machine, or of one part of it; parts are put together with :func:`merged`."""

    changes: tuple[Change, ...] = ()
    preparation: tuple[PayloadAction, ...] = ()
    """What runs first and touches nothing that serves: copies, trials. Where it fails, nothing has to be put back."""
    actions: tuple[PayloadAction, ...] = ()
    """In the order in which they must run: certificates before bindings, openings before closings."""
    restore: tuple[PayloadAction, ...] = ()
    """What puts back what worked, if the operator is cut off: the dead-man's actions, without secrets."""
    errors: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """What a guard refuses (exit code 3): one sentence each. A part that is refused has no actions."""
    warnings: tuple[PlanWarning, ...] = ()
    cut_off: tuple[str, ...] = ()
    """Who loses a server if this is applied: one line each, counted by ``--accept-lockout``."""
    to_make: tuple[str, ...] = field(default=())
    """Purposes whose certificate apply has to make first; their actions are known only after that."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done (steps of an operator aside)."""
        return all(change.by_operator for change in self.changes)


def merged(plans: Iterable[WindowsPlan]) -> WindowsPlan:
    """Put the plans of a machine's parts together, in order; the same change or sentence is kept once."""
    parts = tuple(plans)
    changes = {change.id: change for part in parts for change in part.changes}
    return WindowsPlan(
        changes=tuple(changes.values()),
        preparation=tuple(action for part in parts for action in part.preparation),
        actions=tuple(action for part in parts for action in part.actions),
        restore=tuple(action for part in reversed(parts) for action in part.restore),
        errors=tuple(dict.fromkeys(error for part in parts for error in part.errors)),
        refusals=tuple(dict.fromkeys(refusal for part in parts for refusal in part.refusals)),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        cut_off=tuple(dict.fromkeys(line for part in parts for line in part.cut_off)),
        to_make=tuple(dict.fromkeys(purpose for part in parts for purpose in part.to_make)),
    )
