"""Lock and record of an apply: nothing is done to a host whose changes are not written down first.

The operations call it, so stock ``pyinfra -y`` obeys lock and record as ``cemops apply`` does. The store is opened when
something is about to be changed, and not before: `cemops plan` pays nothing for it.
"""

from __future__ import annotations

import atexit
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gevent import GreenletExit
from pyinfra import logger

from cemops.errors import CemopsError, LeftAloneError, RefusedError, what_may_be_said
from cemops.execution.estate_context import EstateContext
from cemops.execution.plan_file import revision
from cemops.planning.changes import Change, Plan
from cemops.planning.saved_plan import estate_digest

if TYPE_CHECKING:
    from cemops.store.records import ApplyStart, PlanRecord, Store

_INTERRUPTS = (KeyboardInterrupt, SystemExit, GreenletExit)


class ApplyRecorder:
    """The lock and the record of one run. Its methods return when what they wrote is on the disk."""

    def __init__(self, context: EstateContext, window_override: str | None = None) -> None:
        self._context = context
        self._window_override = window_override
        self._store: Store | None = None
        self._command = ""
        self._apply: int | None = None
        self._started: dict[str, dict[str, int]] = {}
        """By host, the numbers of changes that are started and not finished, by their ids."""
        self._since: dict[str, float] = {}
        self._at_work: set[str] = set()
        """Hosts that are begun and not finished: an end that finds one was an interruption."""
        self._failed = False
        self._refused = False
        self._left_alone = False
        self.judged_at: str | None = None
        """The time of ``--now``, if one was given."""
        self.accepted: tuple[str, ...] = ()
        """Who is cut off with the operator's consent."""
        self._recorded_plan: str | None = None
        self.plan: Plan | None = None
        """The plan that was agreed to, where there is one: recorded when the apply begins."""
        self.complain: Callable[[str], None] = logger.error
        """Tells the operator of a record that could not be finished."""

    @contextmanager
    def holding(self, command: str) -> Iterator[None]:
        """Hold the estate's lock while the block runs, and end the record with it. Raises LockedError, StoreError."""
        self._hold(command)
        try:
            yield
        except _INTERRUPTS:
            self.end(interrupted=True)
            raise
        finally:
            self.end()

    @property
    def is_open(self) -> bool:
        """Whether the estate's lock is held."""
        return self._store is not None

    def begin(self, host: str) -> bool:
        """Record that a host is about to be changed; tell whether the lock was taken only now.

        Then somebody else may have changed hosts since this run looked at them. Raises LockedError, StoreError.
        """
        held = self.is_open
        if not held:
            atexit.register(self.end)  # stock pyinfra knows nothing of it
            self._hold("pyinfra")
        self.begin_apply()
        self._at_work.add(host)
        return not held

    def begin_apply(self) -> None:
        """Record that an apply begins, once: by itself where there is something to record though no host changes."""
        store = self._held()
        if self._apply is None:
            self._apply = store.begin(self._start())
        if self.plan is not None and self._recorded_plan != self.plan.plan_id:
            self._recorded_plan = self.plan.plan_id
            store.plan(self._apply, _record_of(self.plan), estate_digest(self._context.estate))

    def applied_before(self, plan: str) -> str | None:
        """Return when and by whom a plan was applied, None where it was not; under the lock. Raises StoreError."""
        return self._held().applied(plan)

    def holder(self) -> tuple[str, str]:
        """Return what identifies the store, and who works with it, for locks on hosts. Raises StoreError."""
        from cemops.store.reading import identity_of  # noqa: PLC0415 - imported with the store

        store = self._held()
        with store.database.reading() as connection:
            identity = identity_of(connection, store.estate)
        if identity is None:
            raise CemopsError("the store has no first record: look at it with `cemops history --verify`")
        one = store.operator
        return identity, f"{one.who} on {one.host} (process {one.pid})"

    def durations(self) -> dict[str, float]:
        """Return how many seconds each host's last change took. The lock must be held. Raises StoreError."""
        return self._held().durations()

    def note(self, host: str, changes: Iterable[Change]) -> None:
        """Record that changes of a host are about to be made, once each; before ``begin`` there is nothing to record.

        Raises RefusedError where the lock was taken away, StoreError.
        """
        if self._store is None or self._apply is None:
            return
        # Imported with the store: the line above has opened it.
        from cemops.store.records import ChangeStart  # noqa: PLC0415 - see above

        known = self._started.setdefault(host, {})
        new = [
            ChangeStart(change.id, str(change.resource), str(change.action))
            for change in changes
            if not change.by_operator and change.id not in known
        ]
        if new:
            numbers = self._store.start_changes(self._apply, host, new)
            known.update(zip((change.id for change in new), numbers, strict=True))
            self._since.setdefault(host, time.monotonic())

    def finish(self, host: str, error: Exception | None = None) -> None:
        """Record what came of the changes of a host. Raises StoreError where all went well but for the record."""
        self._at_work.discard(host)
        self._refused |= isinstance(error, RefusedError)
        self._left_alone |= isinstance(error, LeftAloneError)
        self._failed |= error is not None and not isinstance(error, RefusedError | LeftAloneError)
        numbers = self._started.pop(host, {})
        if self._store is None or not numbers:
            return
        from cemops.store.records import Result  # noqa: PLC0415 - as above

        seconds = time.monotonic() - self._since.pop(host, time.monotonic())
        if error is None:
            self._store.finish_changes(numbers.values(), Result.APPLIED, None, seconds)
            return
        result = Result.REFUSED if isinstance(error, RefusedError) else Result.FAILED
        try:
            self._store.finish_changes(numbers.values(), result, what_may_be_said(error), seconds)
        except CemopsError as trouble:
            self.complain(f"what came of {host} could not be recorded: {trouble}")

    def end(self, *, interrupted: bool = False) -> None:
        """Record what came of the apply and release the lock; doing it again does nothing."""
        store, self._store = self._store, None
        if store is None:
            return
        try:
            from cemops.store.records import Ending  # noqa: PLC0415 - imported with the store

            stopped = interrupted or bool(self._at_work)
            store.end(self._apply, Ending(stopped, self._failed, self._refused, self._left_alone))
        except CemopsError as trouble:
            self.complain(f"the lock could not be released: {trouble}. When that is mended, run `cemops unlock`")
        finally:
            store.database.close()

    def _hold(self, command: str) -> None:
        # Imported when something is to be changed: SQLAlchemy takes longer than the rest of a short command.
        from cemops.execution.estate_store import open_store  # noqa: PLC0415 - see above

        store = open_store(self._context)
        try:
            store.lock(command)
        except CemopsError:
            store.database.close()
            raise
        self._store, self._command = store, command

    def _held(self) -> Store:
        if self._store is None:
            raise CemopsError("the apply has ended: nothing more is changed")
        return self._store

    def _start(self) -> ApplyStart:
        from cemops.store.records import ApplyStart  # noqa: PLC0415 - as above

        git = revision(self._context.folder) or {"revision": None, "dirty": None}
        digest = estate_digest(self._context.estate)
        return ApplyStart(
            self._command,
            digest,
            git["revision"],
            git["dirty"],
            self._window_override,
            self.judged_at,
            json.dumps(self.accepted) if self.accepted else None,
        )


def _record_of(plan: Plan) -> PlanRecord:
    from cemops.store.records import PlanRecord  # noqa: PLC0415 - imported with the store

    changes = tuple(
        {
            "host": change.host,
            "id": change.id,
            "resource": str(change.resource),
            "action": str(change.action),
            "reason": change.reason,
        }
        for host in plan.hosts
        for change in host.changes
        if not change.by_operator
    )
    return PlanRecord(plan.plan_id, plan.created, plan.observed_digest, changes)
