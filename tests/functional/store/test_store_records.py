"""What the store keeps, and that nothing in it can be altered unseen: on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, insert, inspect, select, table, text, update

from cemops.errors import RefusedError
from cemops.store.database import Database
from cemops.store.host_unlocks import note_host_unlocked
from cemops.store.migrating import VERSION_TABLE, VERSIONS, go_through_steps
from cemops.store.reading import identity_of, latest_applies
from cemops.store.records import ApplyStart, ChangeStart, Ending, PlanRecord, Result, Store
from cemops.store.tables import APPLIES, AUDIT, AUDIT_HEAD, CHANGES, LOCKS, METADATA, PLANS
from cemops.store.verifying import verify
from tests.functional.store.store_worker import location_of, store_at

pytestmark = pytest.mark.slow

START = ApplyStart("cemops apply", "sha256:e", git_revision="a" * 40, git_dirty=True, window_override="broken disk")
PLAN = PlanRecord("0123456789ab", "2026-11-22T12:00:00+00:00", "sha256:o", ({"host": "gw1", "id": "gw1:file:a"},))
CHANGE = ChangeStart("gw1:file:a", "file", "create")


def applied(store: Store) -> int:
    """An apply of two changes, of which the second failed."""
    store.lock("cemops apply")
    apply = store.begin(START)
    store.plan(apply, PLAN, START.estate_digest)
    first, second = store.start_changes(apply, "gw1", (CHANGE, ChangeStart("gw1:service:b", "service", "reload")))
    store.finish_changes((first,), Result.APPLIED, None, 1.25)
    store.finish_changes((second,), Result.FAILED, "it said \0 \ud800 no", 0.5)
    store.end(apply, Ending())
    return apply


def problems_of(store: Store) -> tuple[str, ...]:
    with store.database.reading() as connection:
        return verify(connection)[0]


def test_what_was_written_is_read_back(store_url: str) -> None:
    store = store_at(store_url)
    number = applied(store)
    with store.database.reading() as connection:
        (apply,) = connection.execute(select(APPLIES)).mappings()
        changes = connection.execute(select(CHANGES).order_by(CHANGES.c.number)).mappings().all()
        (plan,) = connection.execute(select(PLANS)).mappings()
        assert connection.execute(select(LOCKS)).all() == []
    assert (apply["number"], apply["result"], apply["plan"]) == (number, "failed", PLAN.id)
    assert (apply["git_revision"], apply["git_dirty"], apply["window_override"]) == ("a" * 40, True, "broken disk")
    assert [(row["change"], row["result"], row["error"], row["seconds"]) for row in changes] == [
        ("gw1:file:a", "applied", None, 1.25),
        ("gw1:service:b", "failed", "it said  ? no", 0.5),
    ]
    assert plan["changes"] == '[{"host":"gw1","id":"gw1:file:a"}]'
    assert problems_of(store) == ()


def test_the_tables_that_the_steps_make_are_those_of_the_code(store_url: str) -> None:
    database = Database(location_of(store_url), make=False)
    with database.writing() as connection:
        go_through_steps(connection)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_heads() == (VERSIONS[-1],)
    steps = Path("cemops/store/migrations/versions").glob("v*.py")
    assert sorted(path.name.partition("_")[0] for path in steps) == list(VERSIONS)


def looks(database: Database) -> dict[str, Any]:
    """Everything of a store without records: its tables, and the rows with which it begins."""
    with database.reading() as connection:
        inspector = inspect(connection)
        found: dict[str, Any] = {
            name: (
                [{**column, "type": str(column["type"])} for column in inspector.get_columns(name)],
                inspector.get_pk_constraint(name),
                inspector.get_foreign_keys(name),
                inspector.get_indexes(name),
                inspector.get_unique_constraints(name),
            )
            for name in inspector.get_table_names()
        }
        found["rows"] = [
            connection.execute(select(text("*")).select_from(table(name))).all()
            for name in (VERSION_TABLE, AUDIT_HEAD.name)
        ]
    return found


def test_a_new_store_is_what_the_steps_lead_to(store_url: str, another_store_url: str) -> None:
    made, led = Database(location_of(store_url)), Database(location_of(another_store_url), make=False)
    with led.writing() as connection:
        go_through_steps(connection)
    assert looks(made) == looks(led)
    assert len(looks(made)) == len(METADATA.tables) + 2
    assert Database(location_of(another_store_url), make=False).is_current


def test_an_apply_that_is_ended_before_its_changes_was_interrupted(store_url: str) -> None:
    store = store_at(store_url)
    store.lock("cemops apply")
    apply = store.begin(START)
    store.start_changes(apply, "gw1", (CHANGE,))
    store.end(apply, Ending())
    with store.database.reading() as connection:
        assert connection.execute(select(APPLIES.c.result)).scalars().all() == ["interrupted"]
        assert connection.execute(select(CHANGES.c.result)).scalars().all() == ["interrupted"]
    assert problems_of(store) == ()


def test_nothing_is_started_without_the_lock(store_url: str) -> None:
    store = store_at(store_url)
    with pytest.raises(RefusedError, match="was taken from this apply"):
        store.begin(START)
    store.lock("cemops apply")
    apply = store.begin(START)
    lock = store.current_lock()
    assert lock is not None
    assert lock.apply == apply
    store.unlock(lock)
    with pytest.raises(RefusedError, match="was taken from this apply"):
        store.start_changes(apply, "gw1", (CHANGE,))
    assert problems_of(store) == ()


def test_an_apply_that_failed_before_any_change_has_failed(store_url: str) -> None:
    store = store_at(store_url)
    store.lock("cemops apply")
    store.end(store.begin(START), Ending(failed=True))
    with store.database.reading() as connection:
        assert connection.execute(select(APPLIES.c.result)).scalars().all() == ["failed"]


def test_an_apply_whose_lock_was_taken_stays_interrupted(store_url: str) -> None:
    store = store_at(store_url)
    store.lock("cemops apply")
    apply = store.begin(START)
    lock = store.current_lock()
    assert lock is not None
    store.unlock(lock)
    other = store_at(store_url)
    other.operator = replace(other.operator, pid=1)
    other.lock("another")
    store.end(apply, Ending())
    held = store.current_lock()
    assert held is not None
    assert held.what == "another"
    with store.database.reading() as connection:
        assert connection.execute(select(APPLIES.c.result)).scalars().all() == ["interrupted"]
    assert problems_of(store) == ()


def test_how_long_a_host_takes_is_what_its_last_change_took(store_url: str) -> None:
    store = store_at(store_url)
    store.lock("cemops apply")
    for seconds, result in ((9.0, Result.APPLIED), (2.5, Result.APPLIED), (60.0, Result.FAILED)):
        apply = store.begin(START)
        for host in ("gw1", "gw2"):
            store.finish_changes(store.start_changes(apply, host, (CHANGE,)), result, None, seconds)
    other = store_at(store_url)
    other.estate = "another"
    assert store.durations() == {"gw1": 2.5, "gw2": 2.5}
    assert other.durations() == {}


ALTERED = {
    "an altered result": (update(APPLIES).values(result="applied"), "cemops_applies: row .* was altered: result"),
    "an altered change": (update(CHANGES).where(CHANGES.c.number == 2).values(error=None), "was altered: error"),
    "a missing change": (delete(CHANGES).where(CHANGES.c.number == 1), 'row \\{"number":1\\} is missing'),
    "a missing plan": (delete(PLANS), "cemops_plans: row .* is missing"),
    "an altered plan": (update(PLANS).values(changes="[]"), "was altered: changes"),
    "a lock that nobody took": (
        insert(LOCKS).values(estate="x", who="x", host="x", pid=1, process="//", since="x", what="x", apply=None),
        "cemops_locks: row .* is not in the audit trail",
    ),
    "a missing row of the trail": (delete(AUDIT).where(AUDIT.c.seq == 3), "row 3 is missing"),
    "missing rows of the trail": (delete(AUDIT).where(AUDIT.c.seq.in_([3, 4])), "rows 3 to 4 are missing"),
    "a missing first row": (delete(AUDIT).where(AUDIT.c.seq == 1), "row 1 is missing"),
    "an altered row of the trail": (
        update(AUDIT).where(AUDIT.c.seq == 2).values(who="mallory"),
        "row 2 .* was altered",
    ),
    "another hash": (update(AUDIT).where(AUDIT.c.seq == 2).values(hash="0" * 64), "row 3 does not follow"),
    "a lost end": (delete(AUDIT).where(AUDIT.c.seq > 5), "ends at row 5 and should end at row 11"),
    "a lost trail": (delete(AUDIT), "ends at row 0 and should end at row 11"),
    "an altered end": (update(AUDIT_HEAD).values(seq=5), "should end at row 5"),
    "no end": (delete(AUDIT_HEAD), "has no end written down"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_whatever_is_altered_outside_of_cemops_is_found(store_url: str, what: str) -> None:
    statement, expected = ALTERED[what]
    store = store_at(store_url)
    applied(store)
    assert problems_of(store) == ()
    with store.database.writing() as connection:
        connection.execute(statement)
    found = problems_of(store)
    assert any(re.search(expected, one) for one in found), found


def test_verifying_a_store_that_holds_nothing_finds_nothing(store_url: str) -> None:
    store = store_at(store_url)
    with store.database.reading() as connection:
        assert verify(connection) == ((), 0, "0" * 64)
        assert connection.execute(text("SELECT count(*) FROM cemops_audit")).scalar() == 0


def test_a_clock_that_goes_back_changes_neither_order_nor_trail(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = count(24, -1)

    class Backwards(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2026, 11, 22, tzinfo=tz) + timedelta(hours=next(hours))

    monkeypatch.setattr("cemops.store.ledger.datetime", Backwards)
    store = store_at(store_url)
    numbers = [applied(store) for _ in range(2)]
    with store.database.reading() as connection:
        found = latest_applies(connection, store.estate, 2)
    assert [one.number for one in found] == sorted(numbers, reverse=True)
    assert found[0].started < found[1].started
    assert all(one.ended is not None and one.ended < one.started for one in found)
    assert [change.seconds for change in found[0].changes] == [1.25, 0.5]
    assert store.durations() == {"gw1": 1.25}
    assert store.applied(PLAN.id) == f"{found[1].started} by {store.operator.who}"
    assert problems_of(store) == ()


def test_what_a_store_is_known_by_on_hosts_is_its_own_and_stays(store_url: str, tmp_path: Path) -> None:
    def identities(store: Store) -> tuple[str | None, ...]:
        with store.database.reading() as connection:
            return tuple(identity_of(connection, estate) for estate in ("northwind", "contoso"))

    store, other = store_at(store_url), store_at(f"sqlite:///{tmp_path / 'other.db'}")
    assert identities(store) == (None, None)
    for one in (store, other):
        one.lock("cemops apply")
    first = identities(store)
    store.end(store.begin(START), Ending())
    assert identities(store) == first == identities(store_at(store_url))
    assert len({*first, *identities(other)}) == 4


def test_a_lock_that_was_removed_from_a_host_is_in_the_trail(store_url: str) -> None:
    store = store_at(store_url)
    note_host_unlocked(store, "gw1", "bob on elsewhere\0 (process 7)")
    with store.database.reading() as connection:
        row = connection.execute(select(AUDIT.c.event, AUDIT.c.data)).one()
    assert row.event == "host lock removed"
    assert json.loads(row.data)["values"] == {"lock": "bob on elsewhere (process 7)"}
    assert problems_of(store) == ()
