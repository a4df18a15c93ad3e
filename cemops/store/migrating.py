"""Brings the tables of a store up to this version of cemops, or says that they are from a later one."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from cemops.errors import StoreError

VERSION_TABLE = "cemops_version"
VERSIONS = ("v0001", "v0002")
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
    """Bring the tables up to date, within the connection's transaction: all steps or none."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    if check_version(version_of(connection), name):
        return  # somebody else was faster
    # Imported where tables have to be made: once in a store's life, and it takes a while.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", "cemops.store:migrations")
    config.set_main_option("version_locations", "cemops.store:migrations/versions")
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
