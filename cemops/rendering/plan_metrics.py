"""A plan as metrics, in Prometheus' text format (0.0.4): for the textfile collector, and for alerts on dates.

Every name begins with ``cemops_``; every sample names the estate. Of a host that could not be planned nothing is
known, so there are no counts of its changes: alert on ``cemops_plan_hosts{status=~"unreachable|error"}``, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cemops.planning.changes import Action, HostPlan, HostStatus, Intent, Plan
from cemops.planning.expiries import Expiry, soonest
from cemops.rendering.terminal import visible_utf8

NOT_MANAGED = "not-managed"
"""Stands as the status of hosts that no deploy manages."""
_LABEL = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True)
class Sample:
    """One value with its labels."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True)
class LastApply:
    """The last apply that the store knows: when it began (aware), and what came of it."""

    began: datetime
    result: str


def plan_metrics(plan: Plan, expiries: Iterable[Expiry], now: datetime, last_apply: LastApply | None = None) -> str:
    """Give metrics of a plan and of what was seen to run out; ``now`` is the plan's time (aware)."""
    seen = soonest(expiries)
    lines = [
        *_family("plan_timestamp_seconds", "When the plan was made (Unix time).", [Sample(now.timestamp(), {})], plan),
        *_family("plan_hosts", "Hosts by status.", _hosts(plan), plan),
        *_family("plan_changes", "Changes that an apply would make, or an operator has to.", _changes(plan), plan),
        *_family("plan_drift", "Changes that undo what somebody changed on the host.", _drift(plan), plan),
        *_family("plan_warnings", "Warnings of the plan.", _warnings(plan), plan),
        *_family("plan_cut_off_lines", "Lines of who would be cut off.", _cut_off(plan), plan),
        *_family(
            "certificate_days_to_expiry",
            "Days until a certificate in use runs out.",
            [
                Sample(
                    one.days(now),
                    {"host": one.host, "use": one.use, "name": one.name, "endpoint": one.endpoint, "sha1": one.sha1},
                )
                for one in seen
                if one.use != "crl"
            ],
            plan,
        ),
        *_family(
            "crl_days_to_next_update",
            "Days until a CRL in use is out of date and every agent of its CA is refused.",
            [Sample(one.days(now), {"host": one.host, "issuer": one.name}) for one in seen if one.use == "crl"],
            plan,
        ),
        *_family("last_apply_timestamp_seconds", "When the last apply began (Unix time).", _last(last_apply), plan),
    ]
    return "\n".join(lines) + "\n"


def drift_metrics(found: Plan, now: datetime) -> str:
    """Give metrics of what has drifted, under names that a plan's metrics do not have: both may be collected."""
    lines = [
        *_family(
            "drift_timestamp_seconds", "When drift was looked for (Unix time).", [Sample(now.timestamp(), {})], found
        ),
        *_family("drift_hosts", "Hosts by status; changes: drifted, in-sync: not drifted.", _hosts(found), found),
        *_family("drift_changes", "Changes that would undo what was changed on the host.", _drift(found), found),
    ]
    return "\n".join(lines) + "\n"


def _hosts(plan: Plan) -> Iterator[Sample]:
    statuses = [str(host.status) if host.managed else NOT_MANAGED for host in plan.hosts]
    for status in (*map(str, HostStatus), NOT_MANAGED):
        yield Sample(statuses.count(status), {"status": status})


def _planned(plan: Plan) -> Iterator[HostPlan]:
    """Leave out hosts of whose changes nothing is known."""
    return (host for host in plan.hosts if host.status not in (HostStatus.UNREACHABLE, HostStatus.ERROR))


def _changes(plan: Plan) -> Iterator[Sample]:
    for host in _planned(plan):
        for action in Action:
            count = sum(change.action is action for change in host.changes)
            yield Sample(count, {"host": host.host, "action": str(action)})


def _drift(plan: Plan) -> Iterator[Sample]:
    """Leave out hosts of which nobody can tell, too."""
    for host in _planned(plan):
        if any(change.intent is None and not change.by_operator for change in host.changes):
            continue
        yield Sample(sum(change.intent is Intent.CORRECTIVE for change in host.changes), {"host": host.host})


def _last(apply: LastApply | None) -> Iterator[Sample]:
    if apply is not None:
        yield Sample(apply.began.timestamp(), {"result": apply.result})


def _warnings(plan: Plan) -> Iterator[Sample]:
    for host in plan.hosts:
        yield Sample(len(host.all_warnings), {"host": host.host})


def _cut_off(plan: Plan) -> Iterator[Sample]:
    for host in plan.hosts:
        yield Sample(len(host.cut_off), {"host": host.host})


def _family(name: str, meaning: str, samples: Iterable[Sample], plan: Plan) -> Iterator[str]:
    yield f"# HELP cemops_{name} {meaning}"
    yield f"# TYPE cemops_{name} gauge"
    for sample in samples:
        labels = ",".join(f'{key}="{_label(value)}"' for key, value in {"estate": plan.estate, **sample.labels}.items())
        yield f"cemops_{name}{{{labels}}} {_number(sample.value)}"


def _label(text: str) -> str:
    """Escape as the format says; other control characters are written out before."""
    return visible_utf8(text).translate(_LABEL)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"
