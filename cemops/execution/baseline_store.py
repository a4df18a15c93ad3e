"""Baselines in the store that ``change.store`` names: for operators and runners who share one.

Opened and closed for each question: a plan asks once, an apply tells once a host. SQLAlchemy is imported then, and not
where no store is declared.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from cemops.execution.estate_context import EstateContext
from cemops.planning.intent import Baselines


class BaselineStore:
    """What the estate's store knows."""

    def __init__(self, context: EstateContext) -> None:
        self._context = context

    def read(self) -> Baselines:
        """Return what is known; nothing where there are no tables yet. Makes none. Raises SecretError, StoreError."""
        from cemops.execution.estate_store import look_into_store  # noqa: PLC0415 - see the module
        from cemops.store.baselines import baselines  # noqa: PLC0415 - see the module

        store = look_into_store(self._context)
        if store is None:
            return Baselines({}, {})
        try:
            with store.database.reading() as connection:
                return baselines(connection, store.estate)
        finally:
            store.database.close()

    def write(self, text: str, hosts: Iterable[str], declared: Container[str]) -> None:
        """Write down that hosts were brought to what a text declares. Raises SecretError, StoreError."""
        from cemops.execution.estate_store import open_store  # noqa: PLC0415 - see the module
        from cemops.store.baselines import keep_baselines  # noqa: PLC0415 - see the module

        store = open_store(self._context)
        try:
            keep_baselines(store, text, hosts, declared)
        finally:
            store.database.close()
