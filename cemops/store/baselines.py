"""Which estate each host was last brought to: kept for operators and runners who share a store.

A text is kept once, by its digest, and removed when no host refers to it any more. Which host refers to which one is
written through the audit trail: who could turn that unseen could pass drift off as intended.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from sqlalchemy import Connection, delete, insert, select

from cemops.planning.intent import Baselines
from cemops.planning.saved_plan import text_digest
from cemops.store.records import Store
from cemops.store.tables import BASELINES, ESTATE_TEXTS


def baselines(connection: Connection, estate: str) -> Baselines:
    """Return what the hosts of an estate were last brought to; a text that was altered is left out."""
    of_estate = BASELINES.c.estate == estate
    hosts = connection.execute(select(BASELINES.c.host, BASELINES.c.digest).where(of_estate)).all()
    wanted = select(BASELINES.c.digest).where(of_estate)
    texts = connection.execute(select(ESTATE_TEXTS).where(ESTATE_TEXTS.c.digest.in_(wanted))).all()
    return Baselines(
        {row.host: row.digest for row in hosts},
        {row.digest: row.text for row in texts if text_digest(row.text) == row.digest},
    )


def keep_baselines(store: Store, text: str, hosts: Iterable[str], declared: Container[str]) -> None:
    """Write down that hosts were brought to what a text declares; forget those that the estate declares no more."""
    digest = text_digest(text)
    with store.database.writing() as connection:
        ledger = store.ledger(connection)
        if connection.execute(select(ESTATE_TEXTS.c.digest).where(ESTATE_TEXTS.c.digest == digest)).first() is None:
            connection.execute(insert(ESTATE_TEXTS).values(digest=digest, text=text))
        keys = [{"estate": store.estate, "host": host} for host in sorted(hosts)]
        ledger.put_all("brought to", BASELINES, keys, {"digest": digest})
        known = connection.execute(select(BASELINES.c.host).where(BASELINES.c.estate == store.estate)).scalars()
        gone = [{"estate": store.estate, "host": host} for host in sorted(known) if host not in declared]
        if gone:
            ledger.delete_all("no longer declared", BASELINES, gone)
        connection.execute(delete(ESTATE_TEXTS).where(ESTATE_TEXTS.c.digest.not_in(select(BASELINES.c.digest))))
