"""history and unlock as an operator types them, and an apply that may not begin: it dials nobody."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import delete

from cemops.execution.observation_record import record_document
from cemops.model.estate import Estate
from cemops.store.database import Database
from cemops.store.location import store_location
from cemops.store.operator import this_operator
from cemops.store.records import ApplyStart, ChangeStart, Ending, Result, Store
from cemops.store.tables import CHANGES
from tests.functional.store.postgresql_server import PASSWORD, Server
from tests.functional.store.store_worker import store_at
from tests.unit.sample_estate import sample_data

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ESTATE = "northwind"
START = ApplyStart("cemops apply", "sha256:0123456789abcdef", git_revision="c0ffee" * 6, git_dirty=True)


@dataclass
class Desk:
    """An operator with an estate whose only machine is a port that takes calls and says nothing."""

    estate: Path
    gateway: socket.socket
    url: str | None

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cemops", *words],
            cwd=ROOT,
            env={
                **os.environ,
                "CEMOPS_ESTATE": str(self.estate),
                "STORE": self.url or "",
                "PKI_PASSPHRASE": "x",
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done

    @property
    def was_called(self) -> bool:
        self.gateway.setblocking(False)
        try:
            self.gateway.accept()
        except BlockingIOError:
            return False
        return True

    @property
    def store(self) -> Store:
        found = store_at(self.url) if self.url else self._beside_the_estate()
        found.estate = ESTATE
        return found

    def _beside_the_estate(self) -> Store:
        return Store(Database(store_location(self.estate.parent, None)), ESTATE, this_operator(os.environ))


def desk_with(folder: Path, url: str | None) -> Iterator[Desk]:
    with socket.create_server(("127.0.0.1", 0)) as gateway:
        place = {"address": "127.0.0.1", "port": gateway.getsockname()[1]}
        data = sample_data({"gateways.0.connection.host_key": "SHA256:" + "A" * 42 + "E"})
        data["gateways"] = data["gateways"][:1]
        data["gateways"][0]["connection"].update(place)
        data["policies"][0]["gateways"] = ["gw1"]
        if url is not None:
            data["change"] = {"store": "env:STORE"}
        (folder / "estate.yaml").write_text(yaml.safe_dump(data), "utf-8")
        yield Desk(folder / "estate.yaml", gateway, url)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    yield from desk_with(tmp_path, None)


@pytest.fixture
def shared_desk(tmp_path: Path, store_url: str) -> Iterator[Desk]:
    """The same with a store that ``change.store`` names, once of each kind."""
    yield from desk_with(tmp_path, store_url)


def history(desk: Desk) -> Any:
    done = desk.run("history", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def applied(store: Store) -> None:
    store.lock("cemops apply")
    apply = store.begin(START)
    numbers = store.start_changes(
        apply, "gw1", (ChangeStart("gw1:file:httpd.conf", "file", "update"), ChangeStart("gw1:crl:a", "crl", "create"))
    )
    store.finish_changes(numbers, Result.FAILED, "the disk \x1b[31m is full", 2.5)
    store.end(apply, Ending())


def test_where_nothing_was_applied_history_says_so_and_makes_no_store(desk: Desk) -> None:
    done = desk.run("history")
    assert done.returncode == 0
    assert "state.db does not exist: nothing of estate northwind is recorded here" in done.stderr
    assert history(desk)["applies"] == []
    assert desk.run("history", "--verify").returncode == 1
    assert desk.run("unlock").stdout == "estate northwind is not locked\n"
    assert not (desk.estate.parent / ".cemops").exists()


def test_history_tells_what_was_applied(shared_desk: Desk) -> None:
    applied(shared_desk.store)
    done = shared_desk.run("history", "--verify")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"apply 1: failed, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, \w+ on \S+", lines[0])
    assert lines[1:-1] == [
        "  cemops apply, estate sha256:0123456789ab, git c0ffeec0ffee with changes that",
        "    are not committed",
        "  gw1: 2 changes failed in 2.5 s",
        "    update file httpd.conf",
        "    create crl a",
        "    the disk \\x1b[31m is full",
    ]
    assert re.fullmatch(r"Nothing was altered: 9 rows; hash [0-9a-f]{64}", lines[-1])
    (apply,) = history(shared_desk)["applies"]
    assert (apply["number"], apply["result"], [one["seconds"] for one in apply["changes"]]) == (1, "failed", [2.5, 2.5])


def test_history_shows_the_last_applies_first(desk: Desk) -> None:
    for _ in range(3):
        applied(desk.store)
    shown = desk.run("history", "--limit", "2").stdout
    assert re.findall(r"^apply (\d)", shown, re.MULTILINE) == ["3", "2"]
    assert desk.run("history", "--limit", "0").returncode == 64


def test_verify_names_what_was_altered(shared_desk: Desk) -> None:
    applied(shared_desk.store)
    with shared_desk.store.database.writing() as connection:
        connection.execute(delete(CHANGES).where(CHANGES.c.number == 2))
    done = shared_desk.run("history", "--verify")
    assert done.returncode == 1
    assert done.stderr == 'cemops: cemops_changes: row {"number":2} is missing\n'
    document = json.loads(shared_desk.run("history", "--verify", "--format", "json").stdout)
    assert document["verified"]["problems"] == ['cemops_changes: row {"number":2} is missing']


def test_an_apply_waits_for_the_one_at_work_and_dials_nobody(shared_desk: Desk) -> None:
    shared_desk.store.lock("cemops apply")
    done = shared_desk.run("apply", "--yes")
    assert done.returncode == 3
    assert re.search(
        rf"cemops: estate northwind is locked by \w+ on \S+ \(process {os.getpid()}\) since \S+ \S+ UTC: cemops apply\. "
        r"Nothing was changed\. Wait for it, then run apply again\.",
        done.stderr,
    )
    assert not shared_desk.was_called
    assert history(shared_desk)["lock"]["process"] == "alive"


def test_the_lock_of_a_living_process_is_taken_by_force_only(shared_desk: Desk) -> None:
    store = shared_desk.store
    store.lock("cemops apply")
    apply = store.begin(START)
    refused = shared_desk.run("unlock", "--yes")
    assert refused.returncode == 3
    assert f"process {os.getpid()} still runs" in refused.stderr
    unasked = shared_desk.run("unlock", "--force")
    assert unasked.returncode == 64
    assert shared_desk.store.current_lock() is not None
    done = shared_desk.run("unlock", "--force", "--yes")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == f"estate northwind is unlocked; apply {apply} is recorded as interrupted (see `cemops history`)\n"
    )
    assert history(shared_desk)["applies"][0]["result"] == "interrupted"


@pytest.mark.parametrize(("host", "code", "said"), [(None, 0, ""), ("elsewhere", 3, "can be seen on elsewhere only")])
def test_a_lock_whose_process_is_gone_is_removed_where_that_can_be_seen(
    desk: Desk, host: str | None, code: int, said: str
) -> None:
    store = desk.store
    gone = replace(store.operator, process=store.operator.process + "1")
    store.operator = gone if host is None else replace(gone, host=host)
    store.lock("cemops apply")
    store.begin(START)
    shown = " ".join(desk.run("history").stdout.split())
    assert ("its process is gone: run `cemops unlock`" in shown) == (host is None)
    assert "apply 1: interrupted" in shown or host is not None
    refused = desk.run("apply", "--yes")
    assert refused.returncode == 3
    assert ("That process is gone" if host is None else "`cemops unlock --force`") in refused.stderr
    assert not desk.was_called
    done = desk.run("unlock", "--yes")
    assert done.returncode == code
    assert said in done.stderr
    assert (desk.store.current_lock() is None) == (code == 0)


def planned(desk: Desk, **variables: str) -> str:
    """What a plan with changes says beside it; from a record, so that nobody is dialled."""
    fresh = (ROOT / "tests/cases/gateway-state/fresh.txt").read_text("utf-8").splitlines()
    names = ("ns1.corp.example", "smp.corp.example", "ps1.corp.example", "ps2.corp.example")
    lines = [*fresh[:-1], *(f"resolve\t{name} 203.0.113.50" for name in names), fresh[-1]]
    estate = Estate.model_validate(yaml.safe_load(desk.estate.read_text("utf-8")))
    record = desk.estate.parent / "record.json"
    record.write_text(json.dumps(record_document(estate, datetime.now(UTC), {"gw1": lines}, {})), "utf-8")
    done = desk.run("plan", "--observed", str(record), "--detailed-exitcode", "--brief", **variables)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def test_a_plan_with_changes_says_whose_lock_an_apply_would_meet(shared_desk: Desk) -> None:
    store = shared_desk.store
    store.lock("cemops apply")
    said = planned(shared_desk)
    assert f"estate northwind is locked by {store.current_lock()}: apply would refuse now\n" in said
    store.end(None, Ending())
    assert "locked" not in planned(shared_desk)


def test_a_plan_beside_a_stale_lock_says_what_to_do_and_makes_no_store(desk: Desk) -> None:
    imported = planned(desk, PYTHONPROFILEIMPORTTIME="1")
    assert "cemops.execution.baseline_folder" in imported
    assert "sqlalchemy" not in imported
    assert "sqlite3" not in imported
    assert "locked" not in imported
    assert not (desk.estate.parent / ".cemops").exists()
    store = desk.store
    store.operator = replace(store.operator, process=store.operator.process + "1")
    store.lock("cemops apply")
    assert "Its process is gone: see `cemops history`, then run `cemops unlock`\n" in planned(desk)
    (desk.estate.parent / ".cemops/state.db").write_bytes(b"no database" * 500)
    assert "locked" not in planned(desk)


def test_an_apply_without_a_store_dials_nobody(tmp_path: Path, postgresql: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    urls = {
        postgresql.url("cemops", port=port): f"PostgreSQL database cemops on 127.0.0.1:{port}) cannot be reached",
        postgresql.url("nowhere"): "does not exist",
        f"sqlite:///{tmp_path}/estate.yaml": "is no SQLite file",
        "hunter2://x": "the URL in change.store",
    }
    for url, said in urls.items():
        for desk in desk_with(tmp_path, url):
            done = desk.run("apply", "--yes")
            assert done.returncode == 1, done.stderr
            assert said in done.stderr
            assert not desk.was_called
            assert desk.run("history").returncode == 1


def test_a_plan_needs_no_store(tmp_path: Path) -> None:
    for desk in desk_with(tmp_path, "hunter2://x"):
        done = desk.run("plan", "--observed", "tests/cases/nothing.json")
        assert "change.store" not in done.stderr
    program = (
        "import sys, cemops.cli.plan, cemops.cli.apply, cemops.execution.operations; print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
