"""The store of an estate: where ``change.store`` says, else ``.cemops/state.db`` beside the estate file."""

from __future__ import annotations

import os

from cemops.execution.estate_context import EstateContext
from cemops.store.database import Database
from cemops.store.location import StoreLocation, store_location
from cemops.store.operator import this_operator
from cemops.store.records import Store


def location_of(context: EstateContext) -> StoreLocation:
    """Return where the store is. Raises SecretError, StoreError."""
    reference = context.estate.change.store
    return store_location(context.folder, None if reference is None else context.secrets.resolve(reference))


def look_into_store(context: EstateContext) -> Store | None:
    """Open the store to read from it; None where there is none of this version yet. Makes and changes nothing.

    Raises SecretError, StoreError.
    """
    location = location_of(context)
    if location.file is not None and not location.file.exists():
        return None
    database = Database(location, make=False)
    if not database.is_current:
        database.close()
        return None
    return Store(database, context.estate.estate, this_operator(os.environ))


def open_store(context: EstateContext) -> Store:
    """Open the store, which is made where it is missing. Raises SecretError, StoreError."""
    return Store(Database(location_of(context)), context.estate.estate, this_operator(os.environ))
