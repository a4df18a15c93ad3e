"""Which estate each host was last brought to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Make the tables, empty: until the next apply nothing is known of any host."""
    op.create_table(
        "cemops_estate_texts",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "cemops_baselines",
        sa.Column("estate", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, sa.ForeignKey("cemops_estate_texts.digest"), nullable=False, index=True),
    )
