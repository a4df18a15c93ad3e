"""Two operators apply at the same time: one of them may fail with what to do, and the gateway is never torn."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from tests.functional.transaction.bench import Bench, Said, operator_running, wait_until

pytestmark = pytest.mark.slow

CONFIRM_SECONDS = 60


@pytest.mark.parametrize("at", ["half:stage", "after:rehearse"])
def test_the_second_of_two_applies_is_told_to_wait(bench: Bench, tmp_path: Path, at: str) -> None:
    new = bench.list_new_name("gw1")
    go = bench.root("gw1") / "state" / "go"
    first: list[Said] = []
    with operator_running(tmp_path) as other:
        fault = {"at": at, "do": ["wait"], "confirm": CONFIRM_SECONDS}
        thread = threading.Thread(target=lambda: first.append(bench.apply("--limit", "gw1", fault=fault)))
        thread.start()
        try:
            assert wait_until(lambda: at_work(bench, at))
            second = Bench(bench.lab, other, bench.original).apply("--limit", "gw1")
        finally:
            go.write_text("", "ascii")
            thread.join()
            go.unlink()
    assert second.code == 1, second.everything
    assert re.search(
        r"another apply is at work on this gateway \(since \d\d:\d\d:\d\d UTC\); wait for it, then run apply again",
        second.err,
    ), second.everything
    assert first[0].code == 0, first[0].everything
    assert bench.opens("gw1", new)
    assert bench.plan("--limit", "gw1").code == 0


def at_work(bench: Bench, at: str) -> bool:
    """Whether the first apply is where it waits."""
    if at == "half:stage":
        return any((bench.root("gw1") / "state").glob("stage.*"))
    return bool(bench.rehearsals("gw1"))


def test_two_operators_at_once_leave_a_whole_gateway(bench: Bench, tmp_path: Path) -> None:
    new = bench.list_new_name("gw1")
    said: list[Said] = []
    with operator_running(tmp_path) as other:
        both = Bench(bench.lab, other, bench.original)
        threads = [
            threading.Thread(target=lambda one=one: said.append(one.apply("--limit", "gw1"))) for one in (bench, both)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for one in said:
        assert one.code == 0 or "run apply again" in one.err, one.everything
    assert bench.serves("gw1")
    done = bench.apply("--limit", "gw1")
    assert done.code == 0, done.everything
    assert bench.opens("gw1", new)
    assert bench.plan("--limit", "gw1").code == 0
