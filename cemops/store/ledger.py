"""Writes to the store, each with its row in the audit trail, in one transaction.

The trail is a chain of hashes, and each of its rows holds what was written where. So :mod:`cemops.store.verifying`
finds a row that was changed or is missing, in the trail and in the tables beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, select, text, update

from cemops.store.tables import AUDIT, AUDIT_HEAD

GENESIS = "0" * 64
"""What the first row has for the hash before it."""
_HEAD = 1
_LONGEST_TEXT = 2000

Values = Mapping[str, Any]


class Ledger:
    """The writing side of one transaction. Others wait from here on until it ends: the chain has one end."""

    def __init__(self, connection: Connection, who: str) -> None:
        self.connection = connection
        self._who = storable(who)
        if connection.dialect.name == "postgresql":  # SQLite's transactions that write exclude each other anyway
            connection.execute(text(f"LOCK TABLE {AUDIT.name} IN EXCLUSIVE MODE"))

    def insert(self, event: str, table: Table, values: Values) -> None:
        """Add a row."""
        values = _storable_values(values)
        self.connection.execute(insert(table).values(values))
        self._note(event, table, _key(table, values), values)

    def update(self, event: str, table: Table, key: Values, values: Values) -> None:
        """Change fields of the row with that key."""
        values = _storable_values(values)
        self.connection.execute(update(table).where(_is(table, key)).values(values))
        self._note(event, table, dict(key), values)

    def delete(self, event: str, table: Table, key: Values) -> None:
        """Remove the row with that key."""
        self.connection.execute(delete(table).where(_is(table, key)))
        self._note(event, table, dict(key), None)

    def put_all(self, event: str, table: Table, keys: Sequence[Values], values: Values) -> None:
        """Give the rows with those keys the same values, whether they are there or not: one row of the trail."""
        values = _storable_values(values)
        self._remove(table, keys)
        self.connection.execute(insert(table), [{**key, **values} for key in keys])
        self._note(event, table, [dict(key) for key in keys], values)

    def delete_all(self, event: str, table: Table, keys: Sequence[Values]) -> None:
        """Remove the rows with those keys: one row of the trail."""
        self._remove(table, keys)
        self._note(event, table, [dict(key) for key in keys], None)

    def happened(self, event: str, subject: str, key: Values, values: Values) -> None:
        """Note something that no table holds: a row of the trail alone. ``subject`` is the name of no table."""
        self._append(event, {"table": subject, "key": dict(key), "values": _storable_values(values)})

    def _remove(self, table: Table, keys: Sequence[Values]) -> None:
        names = [column.name for column in table.primary_key.columns]
        where = and_(*(table.c[name] == bindparam(f"its_{name}") for name in names))
        self.connection.execute(
            delete(table).where(where), [{f"its_{name}": key[name] for name in names} for key in keys]
        )

    def _note(self, event: str, table: Table, key: Values | Sequence[Values], values: Values | None) -> None:
        self._append(event, {"table": table.name, "key": key, "values": values})

    def _append(self, event: str, data: Values) -> None:
        head = self.connection.execute(select(AUDIT_HEAD.c.seq, AUDIT_HEAD.c.hash)).one()
        row = {
            "seq": head.seq + 1,
            "at": utc_text(),
            "who": self._who,
            "event": event,
            "data": canonical(data),
            "previous": head.hash,
        }
        row["hash"] = row_hash(row)
        self.connection.execute(insert(AUDIT).values(row))
        self.connection.execute(
            update(AUDIT_HEAD).where(AUDIT_HEAD.c.id == _HEAD).values(seq=row["seq"], hash=row["hash"])
        )


def row_hash(row: Values) -> str:
    """Return the hash of a row of the trail: SHA-256 over its fields, the hash before it among them."""
    fields = {name: row[name] for name in ("seq", "at", "who", "event", "data", "previous")}
    return hashlib.sha256(canonical(fields).encode("ascii")).hexdigest()


def canonical(data: object) -> str:
    """Return JSON that is the same for the same data: sorted, without blanks, in ASCII."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def utc_text(time: datetime | None = None) -> str:
    """Return a time (now without one) as the store holds it."""
    return (time or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")


def storable(value: str) -> str:
    """Return a text as every database can hold it: without NUL, valid UTF-8, not endless."""
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "")[:_LONGEST_TEXT]


def _storable_values(values: Values) -> dict[str, Any]:
    """Clean texts; JSON that the store made itself (``changes`` of a plan) may be long."""
    return {
        name: storable(value) if isinstance(value, str) and name != "changes" else value
        for name, value in values.items()
    }


def _key(table: Table, values: Values) -> dict[str, Any]:
    return {column.name: values[column.name] for column in table.primary_key.columns}


def _is(table: Table, key: Values) -> Any:  # noqa: ANN401 - an SQL condition
    return and_(*(table.c[name] == value for name, value in key.items()))
