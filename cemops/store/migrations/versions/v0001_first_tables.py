"""Plans, applies, changes, locks and the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Make the tables. Written out: what this step makes must stay what it is when the tables of today move on."""
    op.create_table(
        "cemops_plans",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("estate", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("estate_digest", sa.Text, nullable=False),
        sa.Column("observed_digest", sa.Text, nullable=False),
        sa.Column("changes", sa.Text, nullable=False),
    )
    op.create_table(
        "cemops_applies",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("estate", sa.Text, nullable=False, index=True),
        sa.Column("plan", sa.Text, nullable=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("operator_host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("ended", sa.Text, nullable=True),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("estate_digest", sa.Text, nullable=False),
        sa.Column("git_revision", sa.Text, nullable=True),
        sa.Column("git_dirty", sa.Boolean, nullable=True),
        sa.Column("window_override", sa.Text, nullable=True),
    )
    op.create_table(
        "cemops_changes",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("apply", sa.Integer, sa.ForeignKey("cemops_applies.number"), nullable=False, index=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("seconds", sa.Double, nullable=True),
    )
    op.create_table(
        "cemops_locks",
        sa.Column("estate", sa.Text, primary_key=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("apply", sa.Integer, nullable=True),
    )
    op.create_table(
        "cemops_audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    head = op.create_table(
        "cemops_audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
