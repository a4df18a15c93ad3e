"""The SSH connection is cut at each point of an apply: that host fails with what to do, and the next apply finishes."""

from __future__ import annotations

import pytest

from tests.functional.transaction.bench import Bench, wait_until

pytestmark = pytest.mark.slow

BEFORE_SWITCH = (
    {"at": "before:stage"},
    {"at": "half:stage"},
    {"at": "inside:rehearse", "delay": 0.1},
)
FROM_SWITCH = (
    {"at": "before:switch"},
    {"at": "inside:switch", "delay": 0.05},
    {"at": "after:check"},
)


def name_of(fault: dict[str, object]) -> str:
    return " ".join(str(value) for value in fault.values())


@pytest.mark.parametrize("fault", BEFORE_SWITCH, ids=name_of)
def test_cut_before_the_switch_only_that_host_fails(bench: Bench, fault: dict[str, object]) -> None:
    new = bench.list_new_name("gw1", "gw2")
    live = bench.live("gw1")
    said = bench.apply(fault={"do": ["cut"], "only": "gw1", **fault})
    assert said.code == 1, said.everything
    assert "run apply again" in said.err
    assert "Traceback" not in said.err
    assert bench.live("gw1") == live
    assert bench.serves("gw1")
    assert bench.opens("gw2", new), "an unreachable gateway stops no other"
    done = bench.apply()
    assert done.code == 0, done.everything
    assert bench.opens("gw1", new)


@pytest.mark.parametrize("fault", FROM_SWITCH, ids=name_of)
def test_cut_from_the_switch_on_the_old_configuration_comes_back(bench: Bench, fault: dict[str, object]) -> None:
    new = bench.list_new_name("gw1", "gw2")
    live, other = bench.live("gw1"), bench.live("gw2")
    said = bench.apply(fault={"do": ["cut"], "only": "gw1", **fault})
    assert said.code == 1, said.everything
    assert "run apply again" in said.err
    assert "Traceback" not in said.err
    assert bench.live("gw2") == other, "nobody knows yet whether the new configuration works"
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"))
    assert bench.serves("gw1")
    assert not bench.opens("gw1", new)
    done = bench.apply()
    assert done.code == 0, done.everything
    assert bench.plan().code == 0
    assert bench.opens("gw1", new)
    assert bench.opens("gw2", new)
