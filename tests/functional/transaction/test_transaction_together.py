"""Two operators apply at the same time: one of them may fail with what to do, and the gateway is never torn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.functional.transaction.bench import Bench, Said, operator_running

pytestmark = pytest.mark.slow


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
