"""Transactions on a store's database, and what its errors mean for the operator.

SQLite keeps a rollback journal and syncs at each commit, the folder too (``synchronous=EXTRA``): what was recorded is
on the disk before a host is touched, and a killed process leaves whole transactions. WAL would need shared memory and
two more files for writes that come a few times a minute.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cemops.errors import CemopsError, StoreError
from cemops.store.location import StoreLocation
from cemops.store.migrating import check_version, migrate, version_of

WAIT_SECONDS = 5
"""How long to wait for a server, or for somebody else's transaction."""
_WRITES = "cemops_writes"


class Database:
    """A store's database, opened once."""

    def __init__(self, location: StoreLocation, *, make: bool = True) -> None:
        """Open it. Makes file and tables where they are missing, unless ``make`` says not to. Raises StoreError."""
        self.name = location.name
        with _errors(self.name):
            if make and location.file is not None:
                _make_file(location.file)
            self._engine = _sqlite(location) if location.file is not None else _postgresql(location)
        with self.reading() as connection:
            self.is_current = check_version(version_of(connection), self.name)
            """Whether the tables are those of this version."""
        if make and not self.is_current:
            with self.writing() as connection:
                migrate(connection, self.name)
            self.is_current = True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read from. Raises StoreError."""
        with _errors(self.name), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose transaction is committed when the block ends well. Raises StoreError."""
        with (
            _errors(self.name),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _make_file(file: Path) -> None:
    """Make the file, for its owner alone from the first byte; SQLite gives its journal the same mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600))


def _sqlite(location: StoreLocation) -> Engine:
    # isolation_level None: sqlite3 begins no transactions by itself, so tables are made in one, too.
    engine = create_engine(
        location.url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"isolation_level": None, "timeout": WAIT_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(location: StoreLocation) -> Engine:
    milliseconds = WAIT_SECONDS * 1000
    return create_engine(
        location.url,
        pool_size=1,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": WAIT_SECONDS,
            "application_name": "cemops",
            "options": f"-c lock_timeout={milliseconds} -c statement_timeout={4 * milliseconds}",
        },
    )


@contextmanager
def _errors(name: str) -> Iterator[None]:
    """Say what a foreign error means. Its own text is not repeated: it may hold parts of the URL."""
    try:
        yield
    except CemopsError:
        raise
    except DBAPIError as error:
        reason = _sqlite_reason(error.orig) if isinstance(error.orig, sqlite3.Error) else _server_reason(error.orig)
        raise StoreError(f"{name} {reason}") from None
    except OSError as error:
        raise StoreError(f"{name} cannot be used ({error.strerror}): make its folder one that you can write") from None
    except SQLAlchemyError as error:
        raise StoreError(f"{name} cannot be used ({type(error).__name__}): check it, and report this") from None


_SQLITE = {
    "SQLITE_READONLY": "is read-only: make the file and its folder writable for this account",
    "SQLITE_FULL": "cannot be written, the disk is full: free some space",
    "SQLITE_IOERR": "cannot be written, the disk fails or is full: free some space, check the disk",
    "SQLITE_BUSY": "is being written by another process all the time: look which one, then try again",
    "SQLITE_CANTOPEN": "cannot be opened: make the file and its folder readable and writable for this account",
    "SQLITE_NOTADB": "is no SQLite file: put its backup back, or move it away to begin a new history",
    "SQLITE_CORRUPT": "is damaged: put its backup back, or move it away to begin a new history",
}


def _sqlite_reason(error: sqlite3.Error) -> str:
    code: str = getattr(error, "sqlite_errorname", "")
    for known, reason in _SQLITE.items():
        if code.startswith(known):
            return reason
    return f"cannot be used ({code or type(error).__name__}): check the file, or put its backup back"


_SERVER_STATES = {
    "25006": "is read-only: connect to the primary, or to a database that may be written",
    "28000": "refuses this user: check the URL that change.store names",
    "28P01": "refuses the user or the password: check the URL that change.store names",
    "3D000": "does not exist: create the database",
    "42501": "gives this user too few rights: it needs to create and write tables",
    "53100": "cannot be written, the server's disk is full: free some space",
    "53300": "has no connection left: end some, or raise max_connections",
    "55P03": "is locked by another transaction all the time: look which one, then try again",
    "57014": "does not answer in time: look at the server, then try again",
}
_SERVER_TEXTS = {
    "password authentication failed": _SERVER_STATES["28P01"],
    "no pg_hba.conf entry": _SERVER_STATES["28000"],
    "no password supplied": _SERVER_STATES["28P01"],
    "does not exist": "does not exist, or its user does not: create it, or check the URL that change.store names",
    "too many clients": _SERVER_STATES["53300"],
    "Connection refused": "cannot be reached (connection refused): start the server, or check host and port",
    "resolve": "cannot be reached: its host's name is not known",
    "timeout": "does not answer: check the network and the server",
    "certificate": "shows a certificate that is not trusted: check sslmode and sslrootcert in the URL",
    "starting up": "is just starting up: try again",
}


def _server_reason(error: object) -> str:
    known = _SERVER_STATES.get(getattr(error, "sqlstate", None) or "")
    if known is not None:
        return known
    text = str(error)
    for part, reason in _SERVER_TEXTS.items():
        if part in text:
            return reason
    kind = getattr(error, "sqlstate", None) or type(error).__name__
    return f"cannot be used ({kind}): check the server, and the URL that change.store names"
