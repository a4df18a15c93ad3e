"""The remote shell itself is killed: the gateway goes back by itself, soon, and the next apply finishes."""

from __future__ import annotations

import shutil

import pytest

from tests.functional.transaction.bench import Bench, wait_until
from tests.functional.transaction.faults import kill_tree

pytestmark = pytest.mark.slow

SWITCH_LINES = (
    'ln "$coming" "$state/pending"',
    'point_current "$3"',
    'if ! serve "$5"',
    "until settled_in_log",
    'write "$state/served" "$1 $(($(now) + $4))',
    "printf 'ok",
)
BACK_SECONDS = 60


def shell_killed(bench: Bench, verb: str, text: str, confirm: int = 60) -> None:
    said = bench.apply(
        "--limit", "gw1", fault={"at": f"line:{verb}", "text": text, "do": ["kill_shell"], "confirm": confirm}
    )
    assert said.code == 1, said.everything
    assert "run apply again" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("text", SWITCH_LINES)
def test_a_switch_whose_shell_is_killed_goes_back_by_itself(bench: Bench, text: str) -> None:
    new = bench.list_new_name("gw1")
    live = bench.live("gw1")
    shell_killed(bench, "switch", text, confirm=2 if text == "printf 'ok" else 600)  # killed before it serves: no wait
    assert bench.serves("gw1")
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"), seconds=BACK_SECONDS)
    assert bench.serves("gw1")
    assert not bench.opens("gw1", new)  # what the next apply makes of it, the next test's beginning shows


def test_a_restart_whose_shell_is_killed_while_httpd_is_down_is_started_again(bench: Bench) -> None:
    live = bench.live("gw1")
    bench.edit_gateway("gw1", capacity={"endpoints": 400, "concurrent_connections": 200})
    shell_killed(bench, "switch", "main_pid && return 1", confirm=600)
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"), seconds=BACK_SECONDS)
    assert bench.serves("gw1")


@pytest.mark.parametrize("text", ["settling=$state", "printf 'confirmed 1"])
def test_a_confirmation_whose_shell_is_killed_is_none(bench: Bench, text: str) -> None:
    new = bench.list_new_name("gw1")
    live = bench.live("gw1")
    shell_killed(bench, "confirm", text, confirm=2)
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"), seconds=BACK_SECONDS)
    assert not bench.opens("gw1", new)


def test_the_key_that_a_killed_stage_left_is_removed_by_the_next(bench: Bench) -> None:
    kill_tree(bench.main_pid("gw1"))
    shutil.rmtree(bench.root("gw1"))  # so that the key has to travel
    shell_killed(bench, "stage", 'layout "$owner"')
    state = bench.root("gw1") / "state"
    (payload,) = state.glob("stage.*/payload")
    assert b"PRIVATE KEY" in payload.read_bytes()
    assert [path.stat().st_mode & 0o777 for path in (payload, payload.parent, state)] == [0o600, 0o700, 0o700]
    bench.restore()
    assert not list(state.glob("stage.*"))
    assert bench.serves("gw1")
