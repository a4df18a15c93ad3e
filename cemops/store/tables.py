"""The tables of the store, as they are now. How they came to be: :mod:`cemops.store.migrations`.

Times are ISO 8601 texts in UTC, so that they sort, and read the same from SQLite, PostgreSQL and the audit trail.
No secret is in any of them.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Integer, MetaData, Table, Text

METADATA = MetaData()

PLANS = Table(
    "cemops_plans",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("estate", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("estate_digest", Text, nullable=False),
    Column("observed_digest", Text, nullable=False),
    Column("changes", Text, nullable=False),
)
"""Plans that were applied; ``changes`` is JSON: host, id, resource, action and reason of each."""

APPLIES = Table(
    "cemops_applies",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("estate", Text, nullable=False, index=True),
    Column("plan", Text, nullable=True),
    Column("command", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("operator_host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process", Text, nullable=False),
    Column("started", Text, nullable=False),
    Column("ended", Text, nullable=True),
    Column("result", Text, nullable=False),
    Column("estate_digest", Text, nullable=False),
    Column("git_revision", Text, nullable=True),
    Column("git_dirty", Boolean, nullable=True),
    Column("window_override", Text, nullable=True),
    Column("judged_at", Text, nullable=True),
    Column("accepted_lockout", Text, nullable=True),
)
"""Applies: ``result`` is ``started`` until it is known (:class:`cemops.store.records.Result`). ``judged_at``: the time
of ``--now``, by which windows and expiries were judged; ``accepted_lockout``: JSON, the lines that were accepted."""

CHANGES = Table(
    "cemops_changes",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("apply", Integer, ForeignKey("cemops_applies.number"), nullable=False, index=True),
    Column("host", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("error", Text, nullable=True),
    Column("started", Text, nullable=False),
    Column("seconds", Double, nullable=True),
)
"""Changes of an apply. A host's changes are one transaction: they share its ``seconds`` and its result."""

LOCKS = Table(
    "cemops_locks",
    METADATA,
    Column("estate", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("apply", Integer, nullable=True),
)
"""At most one lock an estate; ``apply`` is its apply, once that has begun."""

ESTATE_TEXTS = Table(
    "cemops_estate_texts",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("text", Text, nullable=False),
)
"""What estates declared, by the digest of the text. Not in the audit trail: an altered one shows by its digest, and
what no host refers to any more is removed, which a trail of whole texts would undo."""

BASELINES = Table(
    "cemops_baselines",
    METADATA,
    Column("estate", Text, primary_key=True),
    Column("host", Text, primary_key=True),
    Column("digest", Text, ForeignKey("cemops_estate_texts.digest"), nullable=False, index=True),
)
"""Which text each host was last brought to: what differs from it has drifted."""

AUDIT = Table(
    "cemops_audit",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
"""Every write to the tables of :data:`AUDITED`, in order; ``hash`` is over the row and the hash before it."""

AUDIT_HEAD = Table(
    "cemops_audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)
"""The end of the audit trail: a missing last row shows."""

AUDITED = {table.name: table for table in (PLANS, APPLIES, CHANGES, LOCKS, BASELINES)}
"""Tables that are written through the audit trail only."""
