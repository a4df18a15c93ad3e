"""The lock on a gateway: taken by one of many, taken over when nobody is behind it, and removed by hand."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from cemops.execution.gateway_fact import GatewayState
from cemops.store.tables import AUDIT
from tests.functional.store.store_worker import store_at
from tests.functional.transaction.bench import KILLED, Bench, Said, operator_running, wait_until

pytestmark = pytest.mark.slow

MANY = 16
BOB = "bob on elsewhere (process 7)"


def lock_folder(bench: Bench, gateway: str = "gw1") -> Path:
    return bench.root(gateway) / "state" / "lock"


def bob_locks(bench: Bench, *gateways: str, seconds: int = 600) -> None:
    """Leave a lock as an operator with another store would."""
    now = int(time.time())
    for gateway in gateways:
        lock_folder(bench, gateway).mkdir()
        text = f"store {'f' * 32}\nowner {BOB}\nsince {now - 60}\nexpires {now + seconds}\n"
        (lock_folder(bench, gateway) / ("0" * 32)).write_text(text, "utf-8")


@pytest.fixture(autouse=True)
def nothing_stays_locked(bench: Bench) -> Iterator[None]:
    """A test that fails must not lock the others out; one that holds leaves nothing."""
    yield
    left = [lock_folder(bench, gateway) for gateway in ("gw1", "gw2") if lock_folder(bench, gateway).exists()]
    for folder in left:
        shutil.rmtree(folder)
    assert not left


@pytest.mark.parametrize("expired", [False, True], ids=["free", "expired"])
def test_one_of_many_at_once_takes_the_lock(tmp_path: Path, *, expired: bool) -> None:
    state = tmp_path / "state"
    for number in range(3):
        shutil.rmtree(state, ignore_errors=True)
        if expired:
            (state / "lock").mkdir(parents=True)
            (state / "lock" / "f").write_text("store old\nowner old\nsince 5\nexpires 6\n", "utf-8")
        tokens = [f"{number}{other:x}" for other in range(MANY)]
        shells = [locking(tmp_path, token) for token in tokens]
        said = [shell.communicate(timeout=60)[0] for shell in shells]
        winners = [token for token, text in zip(tokens, said, strict=True) if "locked\t" not in text]
        assert len(winners) == 1, said
        assert [path.name for path in (state / "lock").iterdir()] == winners
        assert [path.name for path in state.iterdir()] == ["lock"], "nothing is left of those who came too late"


def locking(root: Path, token: str) -> subprocess.Popen[str]:
    lock = (token, f"store of {token}", "600", f"owner {token}")
    command = GatewayState().command(str(root), "", (), fips=False, unit="", lab=True, lock=lock)
    return subprocess.Popen(
        ["sh", "-c", command.get_raw_value()], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


@contextmanager
def other_desk(bench: Bench, folder: Path) -> Iterator[Bench]:
    """The desk of an operator with a folder of their own, and so another store, for the same gateways."""
    desk = folder / "desk"
    shutil.copytree(bench.lab.folder, desk, ignore=lambda _, names: {"hosts", ".cemops"} & set(names))
    environment = {"CEMOPS_ESTATE": str(desk / bench.lab.estate_file.name)}
    with operator_running(folder) as operator:
        yield Bench(bench.lab, operator, bench.original, environment=environment)


def test_who_works_in_another_folder_is_refused_until_the_first_is_done(bench: Bench, tmp_path: Path) -> None:
    new = bench.list_new_name("gw1")
    go = bench.root("gw1") / "state" / "go"
    first: list[Said] = []
    fault = {"at": "before:rehearse", "do": ["wait"]}
    with other_desk(bench, tmp_path) as other:
        thread = threading.Thread(target=lambda: first.append(bench.apply("--limit", "gw1", fault=fault)))
        thread.start()
        try:
            assert wait_until(lambda: bool(first) or lock_folder(bench).exists(), seconds=90)
            refused = other.apply("--limit", "gw1")
        finally:
            go.write_text("", "ascii")
            thread.join()
            go.unlink()
        assert (first[0].code, refused.code) == (0, 3), first[0].everything + refused.everything
        assert "gw1: locked by " in refused.err
        assert "if that apply is known to be dead, run `cemops unlock --host gw1`" in refused.err
        assert bench.opens("gw1", new)
        again = other.apply("--limit", "gw1")
    assert again.code == 0, again.everything


def test_of_two_folders_at_once_one_changes_the_gateway(bench: Bench, tmp_path: Path) -> None:
    new = bench.list_new_name("gw1")
    releases = {path.name for path in (bench.root("gw1") / "releases").iterdir()}
    said: list[Said] = []
    with other_desk(bench, tmp_path) as other:
        threads = [
            threading.Thread(target=lambda one=one: said.append(one.apply("--limit", "gw1"))) for one in (bench, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    codes = sorted(one.code for one in said)
    assert codes in ([0, 3], [0, 0]), [one.everything for one in said]  # who came late found nothing left to do
    assert all("gw1: locked by " in one.err for one in said if one.code == 3)
    assert bench.opens("gw1", new)
    made = {path.name for path in (bench.root("gw1") / "releases").iterdir()} - releases
    assert made == {bench.live("gw1")}


def test_a_lock_that_has_expired_is_taken_over(bench: Bench) -> None:
    bench.list_new_name("gw1")
    bob_locks(bench, "gw1", seconds=-1)
    planned = bench.plan("--limit", "gw1", "--format", "json")
    assert planned.json["hosts"][0]["warnings"] == []
    done = bench.apply("--limit", "gw1")
    assert done.code == 0, done.everything
    assert f"gw1: the lock that {BOB} left there was taken over" in done.err


def test_what_a_killed_apply_left_is_taken_over_by_its_own_store(bench: Bench) -> None:
    bench.list_new_name("gw1")
    assert bench.apply("--limit", "gw1", fault={"at": "before:rehearse", "do": ["die"]}).code == KILLED
    assert lock_folder(bench).exists()
    planned = bench.plan("--limit", "gw1", "--format", "json")
    assert planned.json["hosts"][0]["warnings"] == [], "it keeps nobody out who shares the store"
    done = bench.apply("--limit", "gw1")
    assert done.code == 0, done.everything
    assert "was taken over" in done.err


def test_a_lock_of_another_store_is_in_the_plan_and_removed_by_hand(bench: Bench) -> None:
    new = bench.list_new_name("gw1", "gw2")
    live = bench.live("gw1")
    bob_locks(bench, "gw1", "gw2")
    planned = bench.plan("--limit", "gw1", "--format", "json")
    (warning,) = planned.json["hosts"][0]["warnings"]
    assert (warning["code"], planned.json["hosts"][0]["round_trips"]) == ("locked", 1)
    assert warning["message"].startswith(f"locked by {BOB} since ")
    stock = bench.pyinfra("-y", "--limit", "gw1")
    assert stock.code != 0, stock.everything
    assert f"gw1: locked by {BOB} since" in " ".join((stock.out + stock.err).split())
    assert bench.live("gw1") == live

    asked = bench.cemops("unlock", "--host", "gw1,gw2")
    assert asked.code == 64, asked.everything
    assert f"gw1 is locked by {BOB} since " in asked.err
    assert lock_folder(bench, "gw2").exists()
    done = bench.cemops("unlock", "--host", "gw1", "--host", "gw2", "--yes")
    assert (done.code, done.out) == (0, "gw1 is unlocked\ngw2 is unlocked\n"), done.everything
    again = bench.cemops("unlock", "--host", "gw1,gw2", "--yes")
    assert (again.code, again.out) == (0, "gw1 is not locked\ngw2 is not locked\n"), again.everything

    applied = bench.apply("--limit", "gateways")
    assert applied.code == 0, applied.everything
    assert bench.opens("gw2", new)
    assert bench.cemops("history", "--verify").code == 0
    with store_at(f"sqlite:///{bench.lab.folder}/.cemops/state.db").database.reading() as connection:
        events = connection.execute(select(AUDIT.c.event, AUDIT.c.data)).all()
    assert [event.data.count(BOB) for event in events if event.event == "host lock removed"] == [1, 1]


def test_the_lock_of_an_apply_at_work_is_removed_by_force_alone(bench: Bench, tmp_path: Path) -> None:
    bench.list_new_name("gw1")
    go = bench.root("gw1") / "state" / "go"
    first: list[Said] = []
    with operator_running(tmp_path) as other:
        desk = Bench(bench.lab, other, bench.original)
        fault = {"at": "before:rehearse", "do": ["wait"]}
        thread = threading.Thread(target=lambda: first.append(bench.apply("--limit", "gw1", fault=fault)))
        thread.start()
        try:
            assert wait_until(lambda: bool(first) or lock_folder(bench).exists(), seconds=90)
            refused = desk.cemops("unlock", "--host", "gw1", "--yes")
            forced = desk.cemops("unlock", "--host", "gw1", "--yes", "--force")
            wrong = desk.cemops("unlock", "--host", "nobody", "--yes")
        finally:
            go.write_text("", "ascii")
            thread.join()
            go.unlink()
    assert refused.code == 3, refused.everything
    assert "the apply that has locked gw1 holds the estate's lock, too" in refused.err
    assert forced.code == 0, forced.everything
    assert wrong.code == 64, wrong.everything
    assert first[0].code == 0, first[0].everything
