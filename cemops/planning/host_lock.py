"""A host that another operator has locked, as a plan sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cemops.model.host_lock import HostLock
from cemops.planning.changes import PlanWarning


def lock_warnings(lock: HostLock | None, clock: datetime, own_store: str | None) -> Iterator[PlanWarning]:
    """Warn of a lock that keeps this operator out; ``clock`` is the host's, ``own_store`` None where there is none."""
    if lock is not None and lock.holds(clock, own_store):
        yield PlanWarning("locked", f"locked by {lock}: an apply with another store is at work there, or was killed")
