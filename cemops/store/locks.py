"""The lock on an estate: who holds it, and what is said to whoever wants it. Imports no SQLAlchemy."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cemops.errors import RefusedError
from cemops.store.operator import Life, Operator

DEFAULT_FILE = Path(".cemops") / "state.db"
"""The store of an estate that declares none, beside the estate file."""
_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Lock:
    """Who holds the lock on an estate."""

    estate: str
    operator: Operator
    since: str
    what: str
    apply: int | None

    def __str__(self) -> str:
        """Name holder, host, since and what."""
        one = self.operator
        apply = "" if self.apply is None else f", apply {self.apply}"
        since = self.since.replace("T", " ").replace("+00:00", " UTC")
        return f"{one.who} on {one.host} (process {one.pid}) since {since}: {self.what}{apply}"

    @property
    def is_stale(self) -> bool:
        """Whether its process is known to be gone."""
        return self.operator.life() is Life.GONE


class LockedError(RefusedError):
    """Somebody else holds the lock on the estate (3)."""

    def __init__(self, lock: Lock) -> None:
        match lock.operator.life():
            case Life.GONE:
                repair = "That process is gone: see what it left with `cemops history`, then run `cemops unlock`."
            case Life.ALIVE:
                repair = "Wait for it, then run apply again."
            case Life.UNKNOWN:
                repair = (
                    "Wait for it, then run apply again; if that process is known to be gone, run `cemops unlock "
                    "--force`."
                )
        super().__init__(f"estate {lock.estate} is locked by {lock}. Nothing was changed. {repair}")
        self.lock = lock


def lock_in_file(file: Path, estate: str) -> Lock | None:
    """Return the lock on an estate in a store's SQLite file; None without one, or where it cannot be read.

    With the standard library alone, in a millisecond: for a plan, which says it in passing. An apply asks the store.
    """
    if not file.exists():
        return None
    import sqlite3  # noqa: PLC0415 - a plan without a store beside it does without

    query = "SELECT estate, who, host, pid, process, since, what, apply FROM cemops_locks WHERE estate = ?"
    place = f"file:{quote(str(file))}?mode=ro"
    try:
        with closing(sqlite3.connect(place, uri=True, timeout=_WAIT_SECONDS)) as connection:
            row = connection.execute(query, (estate,)).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else Lock(row[0], Operator(*row[1:5]), *row[5:])
