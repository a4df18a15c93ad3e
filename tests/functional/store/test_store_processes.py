"""Real processes on one store: who gets the lock, and what one leaves that is killed or whose disk is full."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import select

from cemops.store.locks import LockedError
from cemops.store.operator import Life
from cemops.store.tables import APPLIES, CHANGES
from cemops.store.verifying import verify
from tests.functional.store.store_worker import store_at

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
RACERS = 6
PAGE = 4096


def worker(verb: str, url: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.functional.store.store_worker", verb],
        cwd=ROOT,
        env={**os.environ, "STORE_URL": url, "GITLAB_USER_LOGIN": "alice", **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_of_processes_that_start_at_once_one_gets_the_lock_even_of_a_new_store(store_url: str) -> None:
    racers = [worker("race", store_url) for _ in range(RACERS)]
    try:
        assert [said_by(one) for one in racers] == ["ready"] * RACERS
        for one in racers:
            let_go(one)
        answers = {one.pid: said_by(one) for one in racers}
    finally:
        for one in racers:
            one.communicate(timeout=60)
    winners = [pid for pid, answer in answers.items() if answer == "won"]
    assert len(winners) == 1, answers
    for answer in answers.values():
        assert answer == "won" or re.search(
            rf"lost LockedError: estate shared is locked by alice \(as \w+\) on \S+ \(process {winners[0]}\) since "
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC: race\. Nothing was changed\. Wait for it",
            answer,
        ), answer
    store = store_at(store_url)
    assert store.current_lock() is None
    with store.database.reading() as connection:
        assert verify(connection)[:2] == ((), 2)


@pytest.mark.parametrize("lines", [1, 2, 7])
def test_a_killed_process_leaves_its_lock_and_no_change_without_record(store_url: str, lines: int) -> None:
    with worker("work", store_url) as process:
        assert process.stdout is not None
        said = [line.split()[1] for line in islice(process.stdout, lines)]
        process.kill()
        said += [line.split()[1] for line in process.stdout if line.endswith("\n")]
    store = store_at(store_url)
    with store.database.reading() as connection:
        recorded = set(connection.execute(select(CHANGES.c.host)).scalars())
        assert verify(connection)[0] == ()
    assert set(said) <= recorded
    lock = store.current_lock()
    assert lock is not None
    assert (lock.operator.pid, lock.operator.life(), lock.apply) == (process.pid, Life.GONE, 1)
    with pytest.raises(LockedError, match=r"That process is gone: .*run `cemops unlock`"):
        store.lock("another")
    store.unlock(lock)
    store.lock("another")
    with store.database.reading() as connection:
        assert connection.execute(select(APPLIES.c.result)).scalars().all() == ["interrupted"]
        assert "started" not in connection.execute(select(CHANGES.c.result)).scalars().all()
        assert verify(connection)[0] == ()


@pytest.mark.parametrize("pages", [0, 1, 9, 20, 24, 28, 34])
def test_a_disk_that_is_full_ends_the_work_and_loses_no_record(tmp_path: Path, pages: int) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    process = worker("work", url, LARGEST_FILE=str(pages * PAGE))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.search(r"StoreError: the store .*state\.db cannot be written, the disk", err), err
    store = store_at(url)
    with store.database.reading() as connection:
        assert {line.split()[1] for line in out.splitlines()} <= set(
            connection.execute(select(CHANGES.c.host)).scalars()
        )
        assert verify(connection)[0] == ()
