"""The SSH connection is cut at each point of an apply: that host fails with what to do, and the next apply finishes."""

from __future__ import annotations

import os
import signal

import pytest

from tests.functional.transaction.bench import Bench, wait_until
from tests.functional.transaction.faults import sessions

pytestmark = pytest.mark.slow

BEFORE_SWITCH = (
    {"at": "half:stage"},
    {"at": "line:rehearse", "text": "until shown="},
)
FROM_SWITCH = (
    {"at": "before:switch"},
    {"at": "line:switch", "text": 'if ! serve "$5"'},
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


SHORT = {
    "cemops.execution.gateway_transaction.STAGE_SECONDS": 3,
    "cemops.execution.ssh_connector.COMMAND_SECONDS": 3,
}


@pytest.mark.parametrize("at", ["before:stage", "after:switch"])
def test_a_connection_that_swallows_everything_ends_at_the_deadline(bench: Bench, at: str) -> None:
    new = bench.list_new_name("gw1", "gw2")
    live = bench.live("gw1")
    root = bench.root("gw1")
    try:
        said = bench.apply(fault={"at": at, "do": ["stall"], "only": "gw1", "set": SHORT})
    finally:
        for session in sessions(root):
            os.kill(session, signal.SIGKILL)
    assert said.code == 1, said.everything
    assert "did not end in" in said.err
    assert "Traceback" not in said.err
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"))
    assert bench.serves("gw1")
    assert bench.opens("gw2", new) == (at == "before:stage"), "it stops the others only where it left a switch behind"
    done = bench.apply()
    assert done.code == 0, done.everything
    assert bench.opens("gw1", new)
    assert bench.opens("gw2", new)
