"""Two operators apply at the same time: one of them may fail with what to do, and the gateway is never torn."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.store.postgresql_server import server_running
from tests.functional.transaction.bench import Bench, Operator, Said, operator_running, wait_until

pytestmark = pytest.mark.slow

CONFIRM_SECONDS = 60


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
        return
    with server_running() as server:
        yield server.url(server.new_database())


def with_store(bench: Bench, operator: Operator, url: str) -> Bench:
    """The desk of an operator whose ``change.store`` is that URL."""
    return Bench(bench.lab, operator, bench.original, environment={"LAB_STORE": url})


def second_of_two(
    bench: Bench, folder: Path, at: str, stores: tuple[str, str], meanwhile: Callable[[Bench], None] = lambda _: None
) -> Said:
    """What the second of two operators is told while the first is at work; the first one finishes."""
    new = bench.list_new_name("gw1")
    bench.edit(lambda document: document.update(change={"store": "env:LAB_STORE"}))
    go = bench.root("gw1") / "state" / "go"
    first: list[Said] = []
    with operator_running(folder) as other:
        fault = {"at": at, "do": ["wait"], "confirm": CONFIRM_SECONDS}
        one = with_store(bench, bench.operator, stores[0])
        thread = threading.Thread(target=lambda: first.append(one.apply("--limit", "gw1", fault=fault)))
        thread.start()
        try:
            assert wait_until(lambda: bool(first) or at_work(bench, at), seconds=90)
            assert not first, first[0].everything
            meanwhile(bench)
            second = with_store(bench, other, stores[1]).apply("--limit", "gw1")
        finally:
            go.write_text("", "ascii")
            thread.join()
            go.unlink()
    assert first[0].code == 0, first[0].everything
    assert bench.opens("gw1", new)
    assert one.plan("--limit", "gw1").code == 0
    return second


def test_the_second_of_two_applies_is_refused_by_the_lock(bench: Bench, tmp_path: Path, store_url: str) -> None:
    second = second_of_two(bench, tmp_path, "half:stage", (store_url, store_url))
    assert second.code == 3, second.everything
    assert re.search(
        r"estate lab is locked by \S+.* on \S+ \(process \d+\) since \S+ \S+ UTC: cemops apply, apply 1\. "
        r"Nothing was changed\. Wait for it, then run apply again\.",
        second.err,
    ), second.everything
    assert not second.out


def test_operators_who_share_no_store_are_kept_apart_by_the_gateways_lock(bench: Bench, tmp_path: Path) -> None:
    stores = (f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}")
    second = second_of_two(bench, tmp_path, "half:stage", stores)
    assert second.code == 3, second.everything
    assert re.search(
        r"gw1: locked by \S+.* on \S+ \(process \d+\) since \S+ \S+ UTC, until \S+ \S+ UTC, with another store than "
        r"this one's\. Nothing was changed\. Wait for it, then run apply again; if that apply is known to be dead, run "
        r"`cemops unlock --host gw1`",
        second.err,
    ), second.everything
    assert "warning locked: locked by" in second.out, "the plan says so, too"
    assert not (bench.root("gw1") / "state" / "lock").exists()


@pytest.mark.parametrize("at", ["half:stage", "after:rehearse"])
def test_where_the_lock_has_expired_the_gateway_still_keeps_them_apart(bench: Bench, tmp_path: Path, at: str) -> None:
    stores = (f"sqlite:///{tmp_path / 'one.db'}", f"sqlite:///{tmp_path / 'two.db'}")
    second = second_of_two(bench, tmp_path, at, stores, meanwhile=expire)
    assert second.code == 1, second.everything
    assert re.search(
        r"another apply is at work on this gateway \(since \d\d:\d\d:\d\d UTC\); wait for it, then run apply again",
        second.err,
    ), second.everything


def expire(bench: Bench) -> None:
    """Let the lock on gw1 end a moment ago, as the host's clock has it."""
    (lock,) = (bench.root("gw1") / "state" / "lock").iterdir()
    text = lock.read_text("utf-8")
    lock.write_text(re.sub(r"expires \d+", f"expires {int(time.time()) - 1}", text), "utf-8")


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
