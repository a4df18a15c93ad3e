"""The lock on a host, for operators who share no store: what it says, and how long it keeps others out.

Who shares a store is kept apart by the lock in it (:mod:`cemops.store.records`). So a lock with one's own store can
only be one that a killed apply left behind: it is taken over at once. Another store's holds until it expires, by the
host's own clock, which all operators see alike.

A transaction that takes longer than :data:`LIFETIME` is safe all the same. On a Linux gateway nobody switches while
another's switch waits for its confirmation, a switch goes from the release that was planned from and no other, and
whoever finds another at work there leaves it alone. On Windows the next apply settles a dead man before it changes
anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LIFETIME = timedelta(minutes=30)
"""Longer than what is done to one host: on Windows at most 10 minutes for the actions, 3 to read the machine again, 10
to confirm; on a gateway 2 each to back up, stage, switch and confirm, and 6 to rehearse. Short enough to wait for."""


@dataclass(frozen=True)
class LockRequest:
    """The lock that somebody wants to take; ``token`` is random, ``store`` identifies the store they work with."""

    token: str
    store: str
    owner: str
    """Who on which host, with the process's number."""


@dataclass(frozen=True)
class HostLock:
    """A lock as it was found on a host; both times are the host's."""

    token: str
    store: str
    owner: str
    since: datetime
    expires: datetime

    def holds(self, clock: datetime, own_store: str | None) -> bool:
        """Tell whether it keeps somebody with that store out; ``clock`` is the host's.

        One that expires later than any can is from before the host's clock was set back.
        """
        return self.store != own_store and clock < self.expires <= clock + 2 * LIFETIME

    def __str__(self) -> str:
        """Name owner, since and expiry."""
        return f"{self.owner} since {self.since:%Y-%m-%d %H:%M:%S} UTC, until {self.expires:%Y-%m-%d %H:%M:%S} UTC"
