"""Who holds the lock on an estate, for a plan: said in passing, where it costs next to nothing."""

from __future__ import annotations

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.store.locks import DEFAULT_FILE, Lock, lock_in_file


def lock_seen(context: EstateContext) -> Lock | None:
    """Return the lock on the estate; None where nobody holds it, and where that cannot be told."""
    if context.estate.change.store is None:
        return lock_in_file(context.folder / DEFAULT_FILE, context.estate.estate)
    # Imported here: a plan of an estate without a declared store starts without SQLAlchemy.
    from cemops.execution.estate_store import look_into_store  # noqa: PLC0415 - see above

    try:
        store = look_into_store(context)
        if store is None:
            return None
        try:
            return store.current_lock()
        finally:
            store.database.close()
    except CemopsError:
        return None  # the plan has warned already that the store is out of reach


def locked_sentence(lock: Lock) -> str:
    """Say whose lock an apply would meet now."""
    repair = ". Its process is gone: see `cemops history`, then run `cemops unlock`" if lock.is_stale else ""
    return f"estate {lock.estate} is locked by {lock}: apply would refuse now{repair}"
