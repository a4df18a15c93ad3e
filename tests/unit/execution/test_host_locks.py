"""The locks that a run holds on hosts: taken once, removed whatever came of the host, told where that fails."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cemops.errors import CemopsError, HostError
from cemops.execution.host_locks import HostLockedError, HostLocks
from cemops.execution.machine_kind import Observation
from cemops.model.host_lock import LIFETIME, HostLock, LockRequest

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GW1 = cast("Any", SimpleNamespace(name="gw1"))


@dataclass
class FakeRun:
    """A run over one host, which is its own kind of machine."""

    lock_there: HostLock | None = None
    failure: CemopsError | None = None
    """What locking fails with, after the host has done it."""
    unlock_failure: CemopsError | None = None
    observations: dict[str, Observation] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    locked: int = 0
    gone_when_read: int = 0
    """Times that the lock which keeps this run out is removed before it is read."""
    host_says: str | None = None
    """Why the host can take no lock."""

    @property
    def recorder(self) -> Any:
        return SimpleNamespace(holder=lambda: ("mine", "alice on ops1 (process 5)"))

    def kind(self, _name: str) -> Any:
        return SimpleNamespace(lock=self._lock, unlock=self._unlock)

    def say(self, _host: str, sentence: str) -> None:
        self.said.append(sentence)

    def _lock(self, _run: object, _host: object, wanted: LockRequest) -> Observation:
        self.locked += 1
        if self.host_says is None and (self.lock_there is None or not self.lock_there.holds(NOW, wanted.store)):
            self.lock_there = HostLock(wanted.token, wanted.store, wanted.owner, NOW, NOW + LIFETIME)
        if self.failure is not None:
            raise self.failure
        if self.gone_when_read:
            self.gone_when_read -= 1
            self.lock_there = None
        observed = SimpleNamespace(lock=self.lock_there, clock=NOW)
        return Observation(observed, None, 0.0, 1, lock_failure=self.host_says)

    def _unlock(self, _run: object, _host: object, token: str) -> None:
        if self.unlock_failure is not None:
            raise self.unlock_failure
        if self.lock_there is not None and self.lock_there.token == token:
            self.lock_there = None


def locks_of(run: FakeRun) -> HostLocks:
    return HostLocks(cast("Any", run))


def bobs() -> HostLock:
    return HostLock("b", "theirs", "bob on ops2 (process 7)", NOW, NOW + LIFETIME)


def test_a_lock_is_taken_once_and_removed_once() -> None:
    run = FakeRun()
    locks = locks_of(run)
    locks.take(GW1)
    locks.take(GW1)
    assert (run.locked, run.lock_there is not None, "gw1" in run.observations) == (1, True, True)
    locks.release(GW1)
    locks.release(GW1)
    assert (run.lock_there, run.said) == (None, [])


def test_somebody_elses_lock_is_named_and_never_removed() -> None:
    run = FakeRun(bobs())
    locks = locks_of(run)
    with pytest.raises(HostLockedError, match=r"^gw1: locked by bob on ops2 .*, with another store than this one's"):
        locks.take(GW1)
    locks.release(GW1, HostError("gw1", "whatever"))
    assert run.lock_there == bobs()


def test_a_lock_that_was_removed_between_the_try_and_the_look_is_tried_again() -> None:
    run = FakeRun(bobs(), gone_when_read=1)
    locks = locks_of(run)
    locks.take(GW1)
    assert run.locked == 2
    assert run.observations["gw1"].observed.lock.token == locks.token(GW1)
    assert run.said == []


def test_a_lock_that_is_never_there_when_it_is_read_ends_the_tries() -> None:
    run = FakeRun(gone_when_read=99)
    locks = locks_of(run)
    with pytest.raises(HostError, match="it could not be locked, and was left alone: its lock was not there"):
        locks.take(GW1)
    assert run.locked < 10
    assert locks.token(GW1) is None


@pytest.mark.parametrize("expired", [False, True], ids=["free", "expired"])
def test_a_host_that_can_take_no_lock_says_why_whatever_lock_is_there(*, expired: bool) -> None:
    there = replace(bobs(), expires=NOW - timedelta(minutes=1)) if expired else None
    locks = locks_of(FakeRun(there, host_says="There is not enough space on the disk."))
    with pytest.raises(HostError, match="left alone: There is not enough space on the disk; run"):
        locks.take(GW1)


def test_a_lock_is_removed_where_the_answer_to_taking_it_was_lost() -> None:
    run = FakeRun(failure=HostError("gw1", "the answer was cut off"))
    locks = locks_of(run)
    with pytest.raises(HostError, match="cut off"):
        locks.take(GW1)
    locks.release(GW1, run.failure)
    assert (run.lock_there, run.said) == (None, [])


@pytest.mark.parametrize(
    ("failed", "trouble", "reason"),
    [
        (None, HostError("gw1", "the disk fails"), "the disk fails"),
        (HostError("gw1", "gone", unreachable=True), None, "it is out of reach"),
    ],
)
def test_a_lock_that_cannot_be_removed_is_told(
    failed: HostError | None, trouble: HostError | None, reason: str
) -> None:
    run = FakeRun(unlock_failure=trouble)
    locks = locks_of(run)
    locks.take(GW1)
    locks.release(GW1, failed)
    assert run.said == [
        f"its lock could not be removed ({reason}): it keeps out who works with another store, until it expires"
    ]


def test_a_lock_that_was_left_is_told_when_it_is_taken_over() -> None:
    left = HostLock("b", "mine", "alice on ops1 (process 4)", NOW, NOW + LIFETIME)
    run = FakeRun(left, observations={"gw1": Observation(SimpleNamespace(lock=left), None, 0.0, 1)})
    locks_of(run).take(GW1)
    assert run.said == ["the lock that alice on ops1 (process 4) left there was taken over"]
