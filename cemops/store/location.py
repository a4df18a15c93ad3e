"""Where the store of an estate is: its default file, or what the URL in ``change.store`` names.

A URL may hold a password, so no part of one that cannot be understood is ever repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from cemops.errors import StoreError
from cemops.store.locks import DEFAULT_FILE

_POSTGRESQL = {"postgresql", "postgres", "postgresql+psycopg"}
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\]?", re.ASCII)
_DATABASE = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_FORMS = (
    "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password percent-encoded "
    "(@ is %40, / is %2F), or sqlite:///FILE"
)


@dataclass(frozen=True)
class StoreLocation:
    """Where a store is. ``name`` is what may be said of it."""

    url: URL
    name: str
    file: Path | None
    """The SQLite file; None for PostgreSQL."""


def store_location(folder: Path, url: SecretStr | None) -> StoreLocation:
    """Return where the store is: the URL's, or ``.cemops/state.db`` in the estate's folder without one.

    Raises StoreError where the URL has no form that is understood.
    """
    if url is None:
        return _in_file(folder / DEFAULT_FILE)
    try:
        parsed = make_url(url.get_secret_value())
    except (ArgumentError, ValueError):
        raise StoreError(f"the URL in change.store cannot be understood: {_FORMS}") from None
    if parsed.drivername == "sqlite" and parsed.database and not parsed.host:
        return _in_file(folder / parsed.database)
    if parsed.drivername in _POSTGRESQL:
        return _in_postgresql(parsed)
    raise StoreError(f"the URL in change.store names no database that cemops works with: {_FORMS}")


def _in_file(file: Path) -> StoreLocation:
    return StoreLocation(URL.create("sqlite", database=str(file)), f"the store {file}", file)


def _in_postgresql(parsed: URL) -> StoreLocation:
    host = parsed.host or ""
    database = parsed.database or ""
    if (host and not _HOST.fullmatch(host)) or not _DATABASE.fullmatch(database):
        raise StoreError(f"the URL in change.store has no sound host and database: {_FORMS}")
    where = f"{host}:{parsed.port or 5432}" if host else "its local socket"
    name = f"the store (PostgreSQL database {database} on {where})"
    return StoreLocation(parsed.set(drivername="postgresql+psycopg"), name, None)
