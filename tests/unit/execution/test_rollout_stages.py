from __future__ import annotations

from collections.abc import Sequence

import pytest

from cemops.errors import HostError
from cemops.execution.rollout_stages import RolloutStages
from cemops.planning.batches import Batch

BATCHES = (Batch("gateway", ("gw1",)), Batch("gateway", ("gw2", "gw3")), Batch("gateway", ("gw4",)))


class Gate:
    """Remembers what it was asked, and finds faults after one machine."""

    def __init__(self, bad: str = "") -> None:
        self.asked: list[tuple[str, ...]] = []
        self._bad = bad

    def __call__(self, names: Sequence[str]) -> tuple[str, ...]:
        self.asked.append(tuple(names))
        return (f"{self._bad}: no tunnel",) if self._bad in names else ()


def test_each_gate_is_asked_once_before_the_next_batch_and_at_the_end() -> None:
    gate = Gate()
    stages = RolloutStages(BATCHES, gate)

    stages.admit("gw1", ())
    assert gate.asked == []
    stages.admit("gw2", ())
    stages.admit("gw3", ())
    assert gate.asked == [("gw1",)]
    stages.admit("gw4", ())
    stages.finish(())
    assert gate.asked == [("gw1",), ("gw2", "gw3"), ("gw4",)]
    assert stages.halted is None


def test_a_failed_gate_leaves_the_rest_alone_and_names_what_failed() -> None:
    stages = RolloutStages(BATCHES, Gate("gw1"))
    stages.admit("gw1", ())

    for name in ("gw2", "gw3", "gw4"):
        with pytest.raises(HostError, match="gate after gw1 failed: gw1: no tunnel"):
            stages.admit(name, ())


def test_a_gate_that_fails_at_the_end_is_told() -> None:
    stages = RolloutStages(BATCHES[:1], Gate("gw1"))
    stages.admit("gw1", ())
    stages.finish(())

    assert stages.halted == "the health gate after gw1 failed: gw1: no tunnel"


def test_a_machine_that_failed_is_not_looked_at_again() -> None:
    gate = Gate("gw1")
    stages = RolloutStages(BATCHES, gate)
    stages.admit("gw2", ("gw1",))

    assert gate.asked == [()]


def test_too_many_failures_leave_the_rest_alone() -> None:
    stages = RolloutStages(BATCHES, Gate(), max_failures=1)
    stages.admit("gw2", ("gw1",))

    with pytest.raises(HostError, match="more than --max-failures 1"):
        stages.admit("gw4", ("gw1", "gw2"))


def test_without_a_bound_failures_of_others_touch_nobody() -> None:
    stages = RolloutStages(BATCHES, Gate())

    stages.admit("gw4", ("gw1", "gw2", "gw3"))

    assert stages.halted is None
    assert stages.has_begun("gw4")


def test_a_machine_of_no_batch_is_let_through_until_the_rollout_halts() -> None:
    stages = RolloutStages(BATCHES, Gate("gw1"))
    stages.admit("other", ())
    stages.finish(())

    with pytest.raises(HostError):
        stages.admit("other", ())


def test_no_batch_begins_when_the_window_has_closed_but_one_that_began_is_finished() -> None:
    open_now = [None, None, "outside the change windows"]
    stages = RolloutStages(BATCHES, Gate(), closed=lambda: open_now.pop(0))

    stages.admit("gw1", ())
    stages.admit("gw2", ())
    stages.admit("gw3", ())
    assert stages.has_begun("gw3")
    with pytest.raises(HostError, match="outside the change windows; the batch was not begun"):
        stages.admit("gw4", ())


def test_no_batch_begins_that_would_not_be_done_in_time() -> None:
    stages = RolloutStages(BATCHES, Gate(), fits=lambda batch: "too long" if len(batch.hosts) > 1 else None)

    stages.admit("gw1", ())
    with pytest.raises(HostError, match="too long; the batch was not begun"):
        stages.admit("gw2", ())
