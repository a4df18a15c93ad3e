"""What an operator agreed to: the time that windows were judged by, and who was cut off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """Add the columns; of earlier applies it is not known."""
    op.add_column("cemops_applies", sa.Column("judged_at", sa.Text, nullable=True))
    op.add_column("cemops_applies", sa.Column("accepted_lockout", sa.Text, nullable=True))
