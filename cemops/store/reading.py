"""What was applied, by whom, and what came of it: read from the store for people and programs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from cemops.store.records import Result, lock_on
from cemops.store.tables import APPLIES, AUDIT, CHANGES

_IDENTITY_DIGITS = 32


@dataclass(frozen=True)
class AppliedChange:
    """One change of an apply; times in seconds, None where it did not come to an end."""

    host: str
    id: str
    resource: str
    action: str
    result: str
    error: str | None
    started: str
    seconds: float | None


@dataclass(frozen=True)
class Apply:
    """One apply with its changes, in the order in which they were started."""

    number: int
    command: str
    who: str
    operator_host: str
    started: str
    ended: str | None
    result: str
    plan: str | None
    estate_digest: str
    git_revision: str | None
    git_dirty: bool | None
    window_override: str | None
    judged_at: str | None
    accepted_lockout: tuple[str, ...]
    changes: tuple[AppliedChange, ...]


def latest_applies(connection: Connection, estate: str, limit: int) -> tuple[Apply, ...]:
    """Return the last applies of an estate, the latest first.

    One whose record has no end and that no living process holds was interrupted, whatever it could still write.
    """
    lock = lock_on(connection, estate)
    at_work = None if lock is None or lock.is_stale else lock.apply
    query = select(APPLIES).where(APPLIES.c.estate == estate).order_by(APPLIES.c.number.desc()).limit(limit)
    rows = connection.execute(query).mappings().all()
    changes: dict[int, list[AppliedChange]] = {row["number"]: [] for row in rows}
    for row in connection.execute(select(CHANGES).where(CHANGES.c.apply.in_(changes)).order_by(CHANGES.c.number)):
        result = _settled(row.result, at_work == row.apply)
        changes[row.apply].append(
            AppliedChange(row.host, row.change, row.resource, row.action, result, row.error, row.started, row.seconds)
        )
    fields = [name for name in Apply.__dataclass_fields__ if name not in {"result", "changes", "accepted_lockout"}]
    return tuple(
        Apply(
            **{name: row[name] for name in fields},
            result=_settled(row["result"], at_work == row["number"]),
            accepted_lockout=tuple(json.loads(row["accepted_lockout"] or "[]")),
            changes=tuple(changes[row["number"]]),
        )
        for row in rows
    )


def identity_of(connection: Connection, estate: str) -> str | None:
    """Return what tells this store, and this estate in it, from every other; None before its first record.

    It is made from the first row of the audit trail, which says who wrote it when, from which process of which boot,
    and which never changes. So a copy of a store counts as the same store.
    """
    first = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.seq == 1)).scalar()
    return None if first is None else hashlib.sha256(f"{first} {estate}".encode()).hexdigest()[:_IDENTITY_DIGITS]


def _settled(result: str, is_at_work: bool) -> str:
    return Result.INTERRUPTED.value if result == Result.STARTED and not is_at_work else result
