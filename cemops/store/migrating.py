"""Brings the tables of a store up to this version of cemops, or says that they are from a later one."""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, text

from cemops.errors import StoreError
from cemops.store.ledger import GENESIS
from cemops.store.tables import AUDIT_HEAD, METADATA

VERSION_TABLE = "cemops_version"
VERSIONS = ("v0001", "v0002", "v0003")
"""Every step of ``migrations/versions``, in order."""
_MIGRATION_LOCK = 0x63656D6F7073
"""Key of the PostgreSQL lock under which the tables are made ("cemops"): two first applies wait for each other."""


def version_of(connection: Connection) -> str | None:
    """Return the step that the store is at; None where it has no tables yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


def check_version(version: str | None, name: str) -> bool:
    """Tell whether the tables are those of this cemops. Raises StoreError where they are from a later one."""
    if version is not None and version not in VERSIONS:
        raise StoreError(
            f"{name} was written by a newer cemops (its tables are at {version[:20]}, this one knows {VERSIONS[-1]}): "
            "update cemops"
        )
    return version == VERSIONS[-1]


def migrate(connection: Connection, name: str) -> None:
    """Make the tables or bring them up to date, within the connection's transaction: all of it or none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    version = version_of(connection)
    if check_version(version, name):
        return  # somebody else was faster
    if version is None:
        _make(connection)
    else:
        go_through_steps(connection)


def go_through_steps(connection: Connection) -> None:
    """Make every step that the store has not seen."""
    # Imported where there are older tables: Alembic takes as long as the rest of a command's start.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", "cemops.store:migrations")
    config.set_main_option("version_locations", "cemops.store:migrations/versions")
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _make(connection: Connection) -> None:
    """Make at once what the steps lead to, and say so in Alembic's table."""
    METADATA.create_all(connection, checkfirst=False)
    connection.execute(insert(AUDIT_HEAD).values(id=1, seq=0, hash=GENESIS))
    version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), nullable=False))
    version.append_constraint(PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"))
    version.create(connection)
    connection.execute(insert(version).values(version_num=VERSIONS[-1]))
