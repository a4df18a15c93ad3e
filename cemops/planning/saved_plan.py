"""A plan kept in a file: evidence of what somebody read and agreed to, never input. Pure.

Apply recomputes the plan and compares: what is made is what the file lists, and nothing else. A value that was known
only after apply matches any value that has become known since.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from cemops.model.estate import Estate
from cemops.planning.changes import KNOWN_AFTER_APPLY, Change, Plan

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far in the future a plan may have been made, by clocks that differ."""


def estate_text(estate: Estate) -> str:
    """Return what an estate declares, as JSON that is the same for the same declaration: nobody's comments."""
    return json.dumps(estate.model_dump(mode="json"), sort_keys=True)


def text_digest(text: str) -> str:
    """Return the digest of an estate's text: ``sha256:`` and lower-case hex."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def estate_digest(estate: Estate) -> str:
    """Return the digest of what an estate declares; comments and the order of keys do not count."""
    return text_digest(estate_text(estate))


@dataclass(frozen=True)
class PlannedChange:
    """One change as the file has it."""

    host: str
    id: str
    action: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    diff: str | None

    @classmethod
    def of(cls, change: Change) -> PlannedChange:
        """Take over a change as it is planned now."""
        return cls(change.host, change.id, str(change.action), change.before, change.after, change.diff)

    def covers(self, change: Change) -> bool:
        """Whether this is the change that was agreed to."""
        if (self.id, self.action) != (change.id, str(change.action)):
            return False
        if not (_agrees(self.before, change.before) and _agrees(self.after, change.after)):
            return False
        # Text that was not known at all cannot be compared; its before and after were.
        return self.diff is None or _same_text(self.diff, change.diff)


@dataclass(frozen=True)
class SavedPlan:
    """What a plan file says."""

    plan_id: str
    estate: str
    created: datetime
    estate_digest: str
    observed: Mapping[str, str]
    """By host, the digest of what was observed."""
    changes: tuple[PlannedChange, ...]
    """Without the steps of an operator."""
    hosts: tuple[str, ...]

    @cached_property
    def by_host(self) -> Mapping[str, tuple[PlannedChange, ...]]:
        """The changes of each host; a host without any has an entry, too."""
        found: dict[str, list[PlannedChange]] = {host: [] for host in self.hosts}
        for change in self.changes:
            found.setdefault(change.host, []).append(change)
        return {host: tuple(changes) for host, changes in found.items()}


@dataclass(frozen=True)
class Moved:
    """How the world differs from a saved plan. ``unnecessary``: planned changes that nothing asks for any more."""

    reasons: tuple[str, ...]
    """Why the plan cannot be applied, as sentences; none where it can."""
    unnecessary: tuple[str, ...]


def staleness(saved: SavedPlan, estate: Estate, now: datetime) -> tuple[str, ...]:
    """Say why a plan is not to be applied, as far as that can be told without looking at a host."""
    limit = timedelta(hours=estate.change.max_plan_age_hours)
    reasons = []
    if saved.estate != estate.estate:
        return (f"the plan is for the estate {saved.estate}, not for {estate.estate}",)
    if saved.estate_digest != estate_digest(estate):
        reasons.append("the estate file has changed since the plan was made")
    if now - saved.created > limit:
        hours = int((now - saved.created).total_seconds() // 3600)
        reasons.append(
            f"the plan is {hours} hours old, and change.max_plan_age_hours is {estate.change.max_plan_age_hours}"
        )
    if saved.created - now > CLOCK_TOLERANCE:
        reasons.append(f"the plan was made in the future ({saved.created:%Y-%m-%d %H:%M} UTC): set the clock right")
    return tuple(reasons)


def compare(saved: SavedPlan, plan: Plan) -> Moved:
    """Compare a saved plan with the plan as it is now, over the hosts that could be planned."""
    reasons: list[str] = []
    unnecessary: list[str] = []
    planned_hosts = {host.host: host for host in plan.hosts if not host.error}
    for name, host in planned_hosts.items():
        agreed = saved.by_host.get(name, ())
        wanted = [change for change in host.changes if not change.by_operator]
        reasons += uncovered(agreed, wanted)
        ids = {change.id for change in wanted}
        unnecessary += [change.id for change in agreed if change.id not in ids]
    if saved.changes and not reasons and len(unnecessary) == len(saved.changes):
        reasons.append("nothing of it is left to do: it was applied already, or somebody made the changes by hand")
    return Moved(tuple(reasons), tuple(unnecessary))


def uncovered(agreed: Sequence[PlannedChange], wanted: Sequence[Change]) -> list[str]:
    """Say what would be changed that the plan does not list, or lists otherwise."""
    reasons = []
    by_id: dict[str, list[PlannedChange]] = {}
    for one in agreed:
        by_id.setdefault(one.id, []).append(one)
    for change in wanted:
        same = by_id.get(change.id, [])
        if not same:
            reasons.append(f"{change.host}: {change.resource} {change.name} would be changed, too ({change.reason})")
        elif not any(one.covers(change) for one in same):
            reasons.append(f"{change.host}: {change.resource} {change.name} is not as it was when the plan was made")
    return reasons


def _same_text(planned: str, now: str | None) -> bool:
    """Compare line by line; where a line held what was known only after apply, the rest of it has to be the same."""
    if planned == now or now is None or KNOWN_AFTER_APPLY not in planned:
        return planned == now
    lines, lines_now = planned.splitlines(), now.splitlines()
    return len(lines) == len(lines_now) and all(
        re.fullmatch(".*".join(re.escape(part) for part in line.split(KNOWN_AFTER_APPLY)), line_now)
        for line, line_now in zip(lines, lines_now, strict=True)
    )


def _agrees(planned: Any, now: Any) -> bool:  # noqa: ANN401 - plain JSON data
    """Compare data of a plan with data of now; what was known only after apply agrees with anything."""
    if planned == now or (isinstance(planned, str) and KNOWN_AFTER_APPLY in planned):
        return True
    if isinstance(planned, Mapping) and isinstance(now, Mapping):
        known = {
            name: value
            for name, value in planned.items()
            if not (isinstance(value, str) and KNOWN_AFTER_APPLY in value)
        }
        unknown = planned.keys() - known.keys()
        return (
            known.keys() <= now.keys()
            and all(
                name in unknown or name not in planned or _agrees(planned[name], value) for name, value in now.items()
            )
            and (bool(unknown) or now.keys() <= planned.keys())
        )
    if isinstance(planned, list | tuple) and isinstance(now, list | tuple):
        return len(planned) == len(now) and all(_agrees(*pair) for pair in zip(planned, now, strict=True))
    return False
