"""The last apply that the store knows, for metrics. Imports SQLAlchemy: import it where it is needed."""

from __future__ import annotations

from datetime import datetime

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_store import location_of, open_store
from cemops.rendering.plan_metrics import LastApply
from cemops.store.reading import latest_applies


def last_apply(context: EstateContext) -> LastApply | None:
    """Return the last apply of the estate; None before the first. Makes no store. Raises SecretError, StoreError."""
    location = location_of(context)
    if location.file is not None and not location.file.exists():
        return None
    store = open_store(context)
    try:
        with store.database.reading() as connection:
            found = latest_applies(connection, store.estate, 1)
    finally:
        store.database.close()
    return LastApply(datetime.fromisoformat(found[0].started), found[0].result) if found else None
