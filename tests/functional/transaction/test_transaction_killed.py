"""The operator's command is killed at each point of an apply: old or new serves, and the next apply finishes."""

from __future__ import annotations

import shutil

import pytest

from tests.functional.transaction.bench import KILLED, Bench, wait_until
from tests.functional.transaction.faults import kill_tree

pytestmark = pytest.mark.slow

BEFORE_SWITCH = (
    {"at": "before:stage"},  # locked, and nothing more
    {"at": "half:stage"},
    {"at": "before:rehearse"},
    {"at": "line:rehearse", "text": "until shown="},
    {"at": "before:switch"},
)
FROM_SWITCH = (
    {"at": "line:switch", "text": 'if ! serve "$5"'},
    {"at": "after:switch"},
    {"at": "after:check"},
)


def name_of(fault: dict[str, object]) -> str:
    return " ".join(str(value) for value in fault.values())


def killed(bench: Bench, fault: dict[str, object]) -> None:
    constants = {"cemops.execution.gateway_transaction.REHEARSAL_SECONDS": 4}
    said = bench.apply("--limit", "gw1", fault={"do": ["die"], "set": constants, **fault})
    assert said.code == KILLED, said.everything


def finishes(bench: Bench) -> None:
    """The next apply, and then there is nothing to do."""
    done = bench.apply("--limit", "gw1")
    assert done.code == 0, done.everything
    after = bench.plan("--limit", "gw1")
    assert after.code == 0, after.everything
    assert not bench.pending("gw1")


@pytest.mark.parametrize("fault", BEFORE_SWITCH, ids=name_of)
def test_killed_before_the_switch_the_old_configuration_serves(bench: Bench, fault: dict[str, object]) -> None:
    new = bench.list_new_name("gw1")
    live, main = bench.live("gw1"), bench.main_pid("gw1")
    killed(bench, fault)
    assert bench.serves("gw1")
    assert not bench.opens("gw1", new)
    assert (bench.live("gw1"), bench.main_pid("gw1")) == (live, main)
    finishes(bench)  # whether or not the rehearsal has come to its own end
    assert bench.opens("gw1", new)


def test_a_rehearsal_that_nobody_ends_ends_by_itself(bench: Bench) -> None:
    bench.list_new_name("gw1")
    killed(bench, {"at": "after:rehearse"})
    assert bench.rehearsals("gw1")
    assert wait_until(lambda: not bench.rehearsals("gw1"))


@pytest.mark.parametrize("fault", FROM_SWITCH, ids=name_of)
def test_killed_from_the_switch_on_the_old_configuration_comes_back_by_itself(
    bench: Bench, fault: dict[str, object]
) -> None:
    new = bench.list_new_name("gw1")
    live = bench.live("gw1")
    killed(bench, fault)
    assert bench.serves("gw1")
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"))
    assert bench.serves("gw1")
    assert not bench.opens("gw1", new)
    finishes(bench)
    assert bench.opens("gw1", new)


@pytest.mark.parametrize(
    "fault",
    [{"at": "after:check_and_confirm"}, {"at": "line:unlock", "text": 'rm -f "$state/lock/$1"'}],
    ids=name_of,
)
def test_killed_after_it_confirmed_the_checked_configuration_stays(bench: Bench, fault: dict[str, object]) -> None:
    new = bench.list_new_name("gw1")
    killed(bench, fault)
    assert bench.opens("gw1", new)
    assert not bench.pending("gw1")
    assert bench.plan("--limit", "gw1").code == 0


def test_a_switch_that_waits_is_in_the_plan_and_settled_by_the_next_apply(bench: Bench) -> None:
    new = bench.list_new_name("gw1")
    before = bench.live("gw1")
    killed(bench, {"at": "after:switch", "confirm": 60})
    live = bench.live("gw1")
    planned = bench.plan("--limit", "gw1", "--format", "json")
    assert planned.code == 2
    (change,) = planned.json["hosts"][0]["changes"]
    assert (change["before"], change["after"]) == ({"release": before}, {"release": live})
    assert [warning["code"] for warning in change["warnings"]] == ["pending-switch"]
    finishes(bench)
    assert bench.live("gw1") == live
    assert bench.opens("gw1", new)


def kill_timer(bench: Bench) -> None:
    pending = (bench.root("gw1") / "state" / "pending").read_text("ascii")
    kill_tree(int(dict(line.split(" ", 1) for line in pending.splitlines())["timer"]))


def test_a_switch_whose_timer_died_is_settled_all_the_same(bench: Bench) -> None:
    new = bench.list_new_name("gw1")
    killed(bench, {"at": "after:switch", "confirm": 60})
    kill_timer(bench)
    assert bench.opens("gw1", new)
    finishes(bench)
    assert bench.opens("gw1", new)


def test_a_gateway_that_lost_timer_and_httpd_before_the_confirmation_is_settled(bench: Bench) -> None:
    new = bench.list_new_name("gw1")
    killed(bench, {"at": "after:switch", "confirm": 60})
    kill_timer(bench)
    kill_tree(bench.main_pid("gw1"))  # as after a reboot, where nothing starts it
    finishes(bench)
    assert bench.opens("gw1", new)


def test_what_a_killed_settler_left_is_taken_over(bench: Bench) -> None:
    bench.list_new_name("gw1")
    killed(bench, {"at": "after:switch", "confirm": 60})
    state = bench.root("gw1") / "state"
    (state / "pending").rename(state / "settling.4194305")
    assert bench.plan("--limit", "gw1").code == 2
    finishes(bench)


@pytest.mark.parametrize(
    "fault",
    [{"at": "half:stage"}, {"at": "before:switch"}, {"at": "line:switch", "text": 'if ! serve "$5"'}],
    ids=name_of,
)
def test_killed_in_the_first_apply_the_next_one_finishes(bench: Bench, fault: dict[str, object]) -> None:
    kill_tree(bench.main_pid("gw1"))
    shutil.rmtree(bench.root("gw1"))
    killed(bench, fault)
    finishes(bench)
    assert bench.serves("gw1")


def test_a_first_apply_that_is_not_confirmed_leaves_nothing_that_serves(bench: Bench) -> None:
    kill_tree(bench.main_pid("gw1"))
    shutil.rmtree(bench.root("gw1"))
    killed(bench, {"at": "after:switch"})
    main = bench.main_pid("gw1")
    assert wait_until(lambda: not bench.pending("gw1"))
    assert wait_until(lambda: not (bench.root("gw1") / "current").is_symlink())
    assert wait_until(lambda: not (bench.root("gw1") / "run" / "httpd.pid").exists() or bench.main_pid("gw1") != main)
    finishes(bench)


def test_the_timer_starts_httpd_where_it_is_gone(bench: Bench) -> None:
    new = bench.list_new_name("gw1")
    live = bench.live("gw1")
    killed(bench, {"at": "after:switch", "do": ["kill_httpd", "die"]})
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"))
    assert bench.serves("gw1")
    assert not bench.opens("gw1", new)
    finishes(bench)
