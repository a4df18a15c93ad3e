"""Looks whether anything in the store was altered outside of cemops.

The trail's hashes show a row of it that was changed, is missing or came in between; its head shows a missing end.
What the trail says was written is compared with what the other tables hold. Nothing of this stops somebody who may
write the database and makes every hash anew: against them, keep the hash that ``history --verify`` prints elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, select

from cemops.planning.saved_plan import text_digest
from cemops.store.ledger import GENESIS, canonical, row_hash
from cemops.store.tables import AUDIT, AUDIT_HEAD, AUDITED, BASELINES, ESTATE_TEXTS

Rows = dict[str, dict[str, dict[str, Any]]]
"""Rows by table and key (as JSON)."""


def verify(connection: Connection) -> tuple[tuple[str, ...], int, str]:
    """Return what is wrong as sentences (none: nothing), and the trail's last number and hash."""
    problems, expected, seq, last = _chain(connection)
    head = connection.execute(select(AUDIT_HEAD)).mappings().all()
    if [(row["seq"], row["hash"]) for row in head] != [(seq, last)]:
        end = f"should end at row {head[0]['seq']}" if len(head) == 1 else "has no end written down"
        problems.append(f"the audit trail ends at row {seq} and {end}: rows at its end are missing or were altered")
    for table in AUDITED.values():
        problems += _differences(table, expected.get(table.name, {}), connection)
    problems += _altered_texts(connection)
    return tuple(problems), seq, last


def _chain(connection: Connection) -> tuple[list[str], Rows, int, str]:
    problems: list[str] = []
    expected: Rows = {}
    seq, last = 0, GENESIS
    for found in connection.execute(select(AUDIT).order_by(AUDIT.c.seq)).mappings():
        row: dict[str, Any] = dict(found)
        if row["seq"] != seq + 1:
            missing = f"row {seq + 1} is" if row["seq"] == seq + 2 else f"rows {seq + 1} to {row['seq'] - 1} are"
            problems.append(f"audit trail: {missing} missing")
        elif row["previous"] != last:
            problems.append(f"audit trail: row {row['seq']} does not follow from the row before it")
        if row_hash(row) != row["hash"]:
            problems.append(f"audit trail: row {row['seq']} ({row['at']}, {row['event']}) was altered")
        else:
            _replay(row, expected)
        seq, last = row["seq"], row["hash"]
    return problems, expected, seq, last


def _replay(row: Mapping[str, Any], expected: Rows) -> None:
    data = json.loads(row["data"])
    rows = expected.setdefault(data["table"], {})
    keys = data["key"] if isinstance(data["key"], list) else [data["key"]]
    for one in keys:
        key = canonical(one)
        if data["values"] is None:
            rows.pop(key, None)
        else:
            rows.setdefault(key, {}).update({**one, **data["values"]})


def _differences(table: Table, expected: Mapping[str, Mapping[str, Any]], connection: Connection) -> list[str]:
    names = [column.name for column in table.primary_key.columns]
    found = {
        canonical({name: row[name] for name in names}): dict(row)
        for row in connection.execute(select(table)).mappings()
    }
    problems = [f"{table.name}: row {key} is missing" for key in expected if key not in found]
    for key, row in found.items():
        if key not in expected:
            problems.append(f"{table.name}: row {key} is not in the audit trail")
            continue
        altered = sorted(name for name in row if row[name] != expected[key].get(name))
        if altered:
            problems.append(f"{table.name}: row {key} was altered: {', '.join(altered)}")
    return problems


def _altered_texts(connection: Connection) -> list[str]:
    """Hold each estate's text against its digest, which the trail has from those who refer to it."""
    texts = {row.digest: row.text for row in connection.execute(select(ESTATE_TEXTS))}
    wanted = set(connection.execute(select(BASELINES.c.digest)).scalars())
    problems = [f"{ESTATE_TEXTS.name}: row {digest} is missing" for digest in sorted(wanted - texts.keys())]
    for digest, text in texts.items():
        if digest not in wanted:
            problems.append(f"{ESTATE_TEXTS.name}: no host refers to row {digest}")
        elif text_digest(text) != digest:
            problems.append(f"{ESTATE_TEXTS.name}: row {digest} was altered: text")
    return problems
