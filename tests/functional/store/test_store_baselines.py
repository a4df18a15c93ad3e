"""Which estate each host was last brought to, in a store that operators share: on SQLite and on PostgreSQL."""

from __future__ import annotations

import re

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import delete, func, insert, select, update

from cemops.errors import StoreError
from cemops.planning.saved_plan import text_digest
from cemops.store.baselines import baselines, keep_baselines
from cemops.store.database import Database
from cemops.store.migrating import VERSIONS, version_of
from cemops.store.records import Store
from cemops.store.tables import AUDIT, BASELINES, ESTATE_TEXTS
from cemops.store.verifying import verify
from tests.functional.store.postgresql_server import PASSWORD, Server
from tests.functional.store.store_worker import ESTATE, location_of, store_at

pytestmark = pytest.mark.slow

OLD, NEW = '{"estate": "old"}', '{"estate": "new"}'
BOTH = ("gw1", "gw2")


def hosts_of(store: Store) -> dict[str, str]:
    """Host -> the text that it was last brought to."""
    with store.database.reading() as connection:
        found = baselines(connection, store.estate)
    return {host: found.texts[digest] for host, digest in found.hosts.items()}


def texts_of(store: Store) -> list[str]:
    with store.database.reading() as connection:
        return sorted(connection.execute(select(ESTATE_TEXTS.c.text)).scalars())


def problems_of(store: Store) -> tuple[str, ...]:
    with store.database.reading() as connection:
        return verify(connection)[0]


def test_each_host_has_the_last_estate_that_it_was_brought_to_and_older_texts_are_gone(store_url: str) -> None:
    store = store_at(store_url)
    assert hosts_of(store) == {}
    keep_baselines(store, OLD, BOTH, BOTH)
    keep_baselines(store, NEW, ["gw2"], BOTH)
    assert hosts_of(store) == {"gw1": OLD, "gw2": NEW}
    assert texts_of(store) == [NEW, OLD]
    keep_baselines(store, NEW, ["gw1"], BOTH)
    assert hosts_of(store) == {"gw1": NEW, "gw2": NEW}
    assert texts_of(store) == [NEW]
    assert problems_of(store) == ()


def test_a_host_that_the_estate_declares_no_more_is_forgotten_and_another_estate_is_left_alone(store_url: str) -> None:
    store, other = store_at(store_url), store_at(store_url)
    other.estate = "another"
    keep_baselines(store, OLD, BOTH, BOTH)
    keep_baselines(other, OLD, ["gw2"], BOTH)
    keep_baselines(store, NEW, ["gw1"], ["gw1"])
    assert hosts_of(store) == {"gw1": NEW}
    assert hosts_of(other) == {"gw2": OLD}
    assert problems_of(store) == ()


def test_a_thousand_hosts_are_one_row_of_the_audit_trail(store_url: str) -> None:
    store = store_at(store_url)
    names = [f"gw{number}" for number in range(1000)]
    for estate in (OLD, NEW):
        keep_baselines(store, estate, names, names)
    with store.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(AUDIT)).scalar() == 2
    assert len(hosts_of(store)) == 1000
    assert problems_of(store) == ()


ALTERED = {
    "a host that points elsewhere": (
        update(BASELINES).where(BASELINES.c.host == "gw2").values(digest=text_digest(OLD)),
        r'cemops_baselines: row \{"estate":"shared","host":"gw2"\} was altered: digest',
    ),
    "a missing host": (delete(BASELINES).where(BASELINES.c.host == "gw2"), "cemops_baselines: row .* is missing"),
    "a host that nobody applied": (
        insert(BASELINES).values(estate=ESTATE, host="gw9", digest=text_digest(OLD)),
        "cemops_baselines: row .*gw9.* is not in the audit trail",
    ),
    "another text": (
        update(ESTATE_TEXTS).where(ESTATE_TEXTS.c.text == NEW).values(text=OLD),
        "cemops_estate_texts: row sha256:[0-9a-f]{64} was altered: text",
    ),
    "a text of nobody": (
        insert(ESTATE_TEXTS).values(digest="sha256:0", text="x"),
        "cemops_estate_texts: no host refers to row sha256:0",
    ),
}


@pytest.mark.parametrize("what", ALTERED)
def test_whatever_is_altered_outside_of_cemops_is_found_and_an_altered_text_is_not_used(
    store_url: str, what: str
) -> None:
    statement, expected = ALTERED[what]
    store = store_at(store_url)
    keep_baselines(store, OLD, ["gw1"], BOTH)
    keep_baselines(store, NEW, ["gw2"], BOTH)
    with store.database.writing() as connection:
        connection.execute(statement)
    found = problems_of(store)
    assert any(re.search(expected, one) for one in found), found
    with store.database.reading() as connection:
        kept = baselines(connection, ESTATE).texts
    assert all(text_digest(one) == digest for digest, one in kept.items())


def test_looking_makes_nothing_and_a_store_of_an_older_cemops_is_brought_up_to_date_by_the_next_apply(
    store_url: str,
) -> None:
    location = location_of(store_url)
    config = Config()
    config.set_main_option("script_location", "cemops.store:migrations")
    config.set_main_option("version_locations", "cemops.store:migrations/versions")
    config.set_main_option("path_separator", "newline")
    looking = Database(location, make=False)
    assert not looking.is_current
    with looking.reading() as connection:
        assert version_of(connection) is None
    with looking.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, VERSIONS[0])
    assert not Database(location, make=False).is_current
    with looking.reading() as connection:
        assert version_of(connection) == VERSIONS[0]
    store = store_at(store_url)
    assert store.database.is_current
    keep_baselines(store, OLD, BOTH, BOTH)
    assert Database(location, make=False).is_current
    assert problems_of(store) == ()


def test_an_account_that_may_only_read_sees_what_hosts_were_brought_to(postgresql: Server) -> None:
    name = postgresql.new_database()
    keep_baselines(store_at(postgresql.url(name)), OLD, BOTH, BOTH)
    postgresql.run(f"CREATE ROLE looker LOGIN PASSWORD '{PASSWORD}'", name)
    postgresql.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker", name)
    looking = Database(location_of(postgresql.url(name).replace("//cemops:", "//looker:")), make=False)
    assert looking.is_current
    with looking.reading() as connection:
        assert baselines(connection, ESTATE).hosts.keys() == set(BOTH)
    with pytest.raises(StoreError, match="gives this user too few rights"), looking.writing() as connection:
        connection.execute(delete(BASELINES))
