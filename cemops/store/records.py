"""Applies, their changes, and the lock under which they are made: written before a host is touched, and after.

``begin`` and ``start_changes`` return when what they wrote is on the disk; a caller touches nothing before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select

from cemops.errors import CemopsError, RefusedError
from cemops.store.database import Database
from cemops.store.ledger import Ledger, canonical, utc_text
from cemops.store.locks import Lock, LockedError
from cemops.store.operator import Operator
from cemops.store.tables import APPLIES, CHANGES, LOCKS, PLANS


class Result(StrEnum):
    """What came of an apply, or of one change."""

    STARTED = "started"
    APPLIED = "applied"
    FAILED = "failed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class ApplyStart:
    """What is known of an apply when it begins."""

    command: str
    estate_digest: str
    git_revision: str | None = None
    git_dirty: bool | None = None
    window_override: str | None = None
    judged_at: str | None = None
    accepted_lockout: str | None = None


@dataclass(frozen=True)
class Ending:
    """How an apply ended, apart from its recorded changes."""

    interrupted: bool = False
    failed: bool = False
    refused: bool = False
    left_alone: bool = False
    """Machines of the plan were not begun, because the rollout was stopped."""


@dataclass(frozen=True)
class PlanRecord:
    """A plan that is about to be applied. ``changes`` is plain data: host, id, resource, action, reason."""

    id: str
    created: str
    observed_digest: str
    changes: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class ChangeStart:
    """One change that is about to be made."""

    id: str
    resource: str
    action: str


class Store:
    """The records of one estate, written by one operator's process."""

    def __init__(self, database: Database, estate: str, operator: Operator) -> None:
        self.database = database
        self.estate = estate
        self.operator = operator

    def lock(self, what: str) -> None:
        """Take the estate's lock. Raises LockedError where somebody holds it."""
        with self.database.writing() as connection:
            ledger = self.ledger(connection)
            held = lock_on(connection, self.estate)
            if held is not None:
                raise LockedError(held)
            one = self.operator
            ledger.insert(
                "locked",
                LOCKS,
                {
                    "estate": self.estate,
                    "who": one.who,
                    "host": one.host,
                    "pid": one.pid,
                    "process": one.process,
                    "since": utc_text(),
                    "what": what,
                    "apply": None,
                },
            )

    def begin(self, start: ApplyStart) -> int:
        """Record that an apply begins; return its number. The lock must be held."""
        with self.database.writing() as connection:
            ledger = self.ledger(connection)
            self._check_lock(connection)
            number = _next(connection, APPLIES)
            ledger.insert(
                "began",
                APPLIES,
                {
                    **asdict(start),
                    "number": number,
                    "estate": self.estate,
                    "plan": None,
                    "who": self.operator.who,
                    "operator_host": self.operator.host,
                    "pid": self.operator.pid,
                    "process": self.operator.process,
                    "started": utc_text(),
                    "ended": None,
                    "result": Result.STARTED.value,
                },
            )
            ledger.update("began", LOCKS, {"estate": self.estate}, {"apply": number})
        return number

    def plan(self, apply: int, plan: PlanRecord, estate_digest: str) -> None:
        """Record the plan that an apply follows. The lock must be held."""
        with self.database.writing() as connection:
            ledger = self.ledger(connection)
            self._check_lock(connection)
            if connection.execute(select(PLANS.c.id).where(PLANS.c.id == plan.id)).first() is None:
                values = {**asdict(plan), "changes": canonical(list(plan.changes))}
                values |= {"estate": self.estate, "who": self.operator.who, "estate_digest": estate_digest}
                ledger.insert("planned", PLANS, values)
            ledger.update("planned", APPLIES, {"number": apply}, {"plan": plan.id})

    def start_changes(self, apply: int, host: str, changes: Iterable[ChangeStart]) -> tuple[int, ...]:
        """Record that changes of a host are about to be made; return their numbers. The lock must be held."""
        with self.database.writing() as connection:
            ledger = self.ledger(connection)
            self._check_lock(connection)
            first = _next(connection, CHANGES)
            numbers = []
            for number, change in enumerate(changes, first):
                values = {"number": number, "apply": apply, "host": host, "change": change.id}
                values |= {"resource": change.resource, "action": change.action, "result": Result.STARTED.value}
                values |= {"error": None, "started": utc_text(), "seconds": None}
                ledger.insert("change started", CHANGES, values)
                numbers.append(number)
        return tuple(numbers)

    def finish_changes(self, numbers: Iterable[int], result: Result, error: str | None, seconds: float) -> None:
        """Record what came of changes that were started."""
        with self.database.writing() as connection:
            ledger = self.ledger(connection)
            values = {"result": result.value, "error": error, "seconds": round(seconds, 3)}
            for number in numbers:
                ledger.update("change finished", CHANGES, {"number": number}, values)

    def end(self, apply: int | None, ending: Ending) -> None:
        """Record what came of the apply (if it began), and release the lock: in one transaction.

        ``ending``: what came of machines before any change of theirs was started.
        """
        with self.database.writing() as connection:
            ledger = self.ledger(connection)
            if apply is not None:
                _close(ledger, apply, ending)
            held = lock_on(connection, self.estate)
            if held is not None and held.operator == self.operator:
                ledger.delete("unlocked", LOCKS, {"estate": self.estate})

    def unlock(self, lock: Lock) -> None:
        """Remove somebody's lock, and close the apply that they left open as interrupted."""
        with self.database.writing() as connection:
            ledger = self.ledger(connection)
            if lock_on(connection, self.estate) != lock:
                raise CemopsError(f"the lock on estate {self.estate} has changed meanwhile: look again")
            if lock.apply is not None:
                _close(ledger, lock.apply, Ending(interrupted=True))
            ledger.delete("lock removed", LOCKS, {"estate": self.estate})

    def applied(self, plan: str) -> str | None:
        """Return when and by whom a plan was applied first, as people write it; None where it never was."""
        with self.database.reading() as connection:
            row = connection.execute(
                select(APPLIES.c.started, APPLIES.c.who)
                .where(APPLIES.c.estate == self.estate, APPLIES.c.plan == plan)
                .order_by(APPLIES.c.number)
            ).first()
        return None if row is None else f"{row.started} by {row.who}"

    def durations(self) -> dict[str, float]:
        """Return how many seconds each host's last successful change took."""
        with self.database.reading() as connection:
            last = (
                select(func.max(CHANGES.c.number))
                .join(APPLIES, APPLIES.c.number == CHANGES.c.apply)
                .where(APPLIES.c.estate == self.estate, CHANGES.c.result == Result.APPLIED.value)
                .group_by(CHANGES.c.host)
            )
            rows = connection.execute(
                select(CHANGES.c.host, CHANGES.c.seconds).where(
                    CHANGES.c.number.in_(last), CHANGES.c.seconds.is_not(None)
                )
            ).all()
        return {row.host: float(row.seconds) for row in rows}

    def current_lock(self) -> Lock | None:
        """Return the estate's lock, if somebody holds it."""
        with self.database.reading() as connection:
            return lock_on(connection, self.estate)

    def ledger(self, connection: Connection) -> Ledger:
        """Return the writing side of a transaction, in this operator's name."""
        return Ledger(connection, f"{self.operator.who} on {self.operator.host}")

    def _check_lock(self, connection: Connection) -> None:
        """Nothing is recorded, so nothing is done, once somebody has removed this process's lock."""
        held = lock_on(connection, self.estate)
        if held is None or held.operator != self.operator:
            raise RefusedError(
                f"the lock on estate {self.estate} was taken from this apply with `cemops unlock`: the rest is left "
                "alone; look with `cemops history`, then run apply again"
            )


def lock_on(connection: Connection, estate: str) -> Lock | None:
    """Return the lock on an estate."""
    row = connection.execute(select(LOCKS).where(LOCKS.c.estate == estate)).one_or_none()
    if row is None:
        return None
    operator = Operator(row.who, row.host, row.pid, row.process)
    return Lock(row.estate, operator, row.since, row.what, row.apply)


def _close(ledger: Ledger, apply: int, ending: Ending) -> None:
    """Write down the result of an apply from those of its changes; what was only started was interrupted."""
    is_open = select(APPLIES.c.number).where(APPLIES.c.number == apply, APPLIES.c.result == Result.STARTED.value)
    if ledger.connection.execute(is_open).first() is None:
        return  # its lock was taken, and with it its end was written down
    rows = ledger.connection.execute(select(CHANGES.c.number, CHANGES.c.result).where(CHANGES.c.apply == apply)).all()
    results = set()
    interrupted = ending.interrupted
    for row in rows:
        if row.result == Result.STARTED:
            ledger.update("change interrupted", CHANGES, {"number": row.number}, {"result": Result.INTERRUPTED.value})
            interrupted = True
        results.add(row.result)
    if interrupted:
        result = Result.INTERRUPTED
    elif ending.failed or Result.FAILED in results:
        result = Result.FAILED
    elif ending.refused or Result.REFUSED in results:
        result = Result.REFUSED
    elif ending.left_alone:
        result = Result.INTERRUPTED
    else:
        result = Result.APPLIED
    ledger.update("ended", APPLIES, {"number": apply}, {"ended": utc_text(), "result": result.value})


def _next(connection: Connection, table: Any) -> int:  # noqa: ANN401 - a table with a number
    return int(connection.execute(select(func.coalesce(func.max(table.c.number), 0))).scalar_one()) + 1
