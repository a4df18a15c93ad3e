"""Alembic runs this: the steps, on the connection (and in the transaction) of whoever opens the store."""

from __future__ import annotations

from alembic import context

from cemops.store.migrating import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
