"""Locks that somebody removed from hosts: what no table holds, and the audit trail keeps."""

from __future__ import annotations

from cemops.store.records import Store

SUBJECT = "host lock"


def note_host_unlocked(store: Store, host: str, lock: str) -> None:
    """Record that a host's lock is removed; ``lock`` says whose it was. Raises StoreError."""
    with store.database.writing() as connection:
        store.ledger(connection).happened(
            "host lock removed", SUBJECT, {"estate": store.estate, "host": host}, {"lock": lock}
        )
