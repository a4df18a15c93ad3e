from __future__ import annotations

import pytest

from cemops.errors import LeftAloneError
from cemops.execution.rollout_stages import RolloutStages
from cemops.planning.batches import Batch

BATCHES = (Batch("gateway", ("gw1",)), Batch("gateway", ("gw2", "gw3")), Batch("gateway", ("gw4",)))


def test_too_many_failures_leave_the_rest_alone() -> None:
    stages = RolloutStages(BATCHES, max_failures=1)
    stages.admit("gw2", ("gw1",))

    with pytest.raises(LeftAloneError, match="2 machines failed, more than --max-failures 1"):
        stages.admit("gw4", ("gw1", "gw2"))
    assert not stages.has_begun("gw2")


def test_without_a_bound_failures_of_others_touch_nobody() -> None:
    stages = RolloutStages(BATCHES)

    stages.admit("gw4", ("gw1", "gw2", "gw3"))

    assert stages.halted is None
    assert stages.has_begun("gw4")


def test_a_machine_of_no_batch_is_let_through_until_the_rollout_halts() -> None:
    stages = RolloutStages(BATCHES, max_failures=0)
    stages.admit("other", ())

    with pytest.raises(LeftAloneError):
        stages.admit("other", ("gw1",))


def test_no_batch_begins_when_the_window_has_closed_but_one_that_began_is_finished() -> None:
    open_now = [None, None, "outside the change windows"]
    stages = RolloutStages(BATCHES, closed=lambda: open_now.pop(0))

    stages.admit("gw1", ())
    stages.admit("gw2", ())
    stages.admit("gw3", ())
    assert stages.has_begun("gw3")
    with pytest.raises(LeftAloneError, match="outside the change windows; the batch was not begun"):
        stages.admit("gw4", ())


def test_no_batch_begins_that_would_not_be_done_in_time() -> None:
    stages = RolloutStages(BATCHES, fits=lambda batch: "too long" if len(batch.hosts) > 1 else None)

    stages.admit("gw1", ())
    with pytest.raises(LeftAloneError, match="too long; the batch was not begun"):
        stages.admit("gw2", ())


def test_machines_that_could_not_be_planned_count_as_failed() -> None:
    stages = RolloutStages(BATCHES, max_failures=0, failed_before=1)

    with pytest.raises(LeftAloneError, match="1 machine failed, more than --max-failures 0"):
        stages.admit("gw1", ())
