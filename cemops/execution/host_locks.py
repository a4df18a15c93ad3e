"""The locks on the hosts that a run changes: taken before the first thing that changes a host, released after the last.

They keep apart operators who share no store (:mod:`cemops.model.host_lock`). Who takes one reads the host behind it, in
the same remote process: what is planned from then on, nobody else changes meanwhile.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError, RefusedError
from cemops.execution.estate_context import EstateContext
from cemops.model.host_lock import HostLock, LockRequest

if TYPE_CHECKING:
    from cemops.execution.estate_run import EstateRun

_TOKEN_BYTES = 16
_TRIES = 3
"""Who held a lock may have removed it before it was read."""


class HostLockedError(RefusedError):
    """An operator who works with another store holds the lock on a host (3)."""

    def __init__(self, host: str, lock: HostLock) -> None:
        super().__init__(
            f"{host}: locked by {lock}, with another store than this one's. Nothing was changed. Wait for it, then run "
            f"apply again; if that apply is known to be dead, run `cemops unlock --host {host}`"
        )


class HostLocks:
    """The locks that one run holds."""

    def __init__(self, run: EstateRun) -> None:
        self._run = run
        self._held: dict[str, str] = {}
        """Tokens by host, from before the host is asked: an answer that is lost may have been a yes."""
        self._sure: set[str] = set()
        """Hosts that have said so."""

    def take(self, host: Host) -> None:
        """Lock a host and observe it anew; nothing where it is locked by this run. The estate's lock must be held.

        Raises HostLockedError where somebody else holds it, HostError where it cannot be taken.
        """
        if host.name in self._held:
            return
        before = self._run.observations.get(host.name)
        for _ in range(_TRIES):
            if self._is_taken(host):
                break
        else:
            reason = self._run.observations[host.name].lock_failure or "its lock was not there after it was taken"
            raise HostError(
                host.name, f"it could not be locked, and was left alone: {reason.rstrip('.')}; run apply again"
            )
        self._sure.add(host.name)
        left = None if before is None else before.observed.lock
        if left is not None:
            self._run.say(host.name, f"the lock that {left.owner} left there was taken over")

    def _is_taken(self, host: Host) -> bool:
        """Try it once, raise as ``take`` does; False: the lock has gone since, or nobody is behind the one there."""
        run = self._run
        store, owner = run.recorder.holder()
        wanted = LockRequest(secrets.token_hex(_TOKEN_BYTES), store, owner)
        run.observations.pop(host.name, None)
        self._held[host.name] = wanted.token
        seen = run.kind(host.name).lock(run, host, wanted)
        run.observations[host.name] = seen
        found: HostLock | None = seen.observed.lock
        if found is not None and found.token == wanted.token:
            return True
        del self._held[host.name]
        if found is not None and found.holds(seen.observed.clock, store):
            raise HostLockedError(host.name, found)
        return False

    def token(self, host: Host) -> str | None:
        """Return the token of the lock that this run holds on a host, for who removes it beside something else."""
        return self._held.get(host.name)

    def removed(self, host: Host) -> None:
        """Take note that the host's lock was removed."""
        self._held.pop(host.name, None)
        self._sure.discard(host.name)

    def release(self, host: Host, error: Exception | None = None) -> None:
        """Remove the lock that this run holds on a host, if any; one that cannot be removed is told, and expires.

        ``error`` is what the host failed with: one that is out of reach is not asked again.
        """
        token, is_sure = self._held.get(host.name), host.name in self._sure
        self.removed(host)
        if token is None:
            return
        reason = "it is out of reach"
        if not (isinstance(error, HostError) and error.unreachable):
            try:
                self._run.kind(host.name).unlock(self._run, host, token)
            except CemopsError as trouble:
                reason = str(trouble)
            else:
                return
        if not is_sure:
            return  # it failed before anybody heard of a lock
        self._run.say(
            host.name,
            f"its lock could not be removed ({reason}): it keeps out who works with another store, until it expires",
        )


def known_store(context: EstateContext) -> str | None:
    """Return what identifies this operator's store on a lock; None where there is none yet, or it is out of reach."""
    # Imported where a lock was seen: SQLAlchemy takes longer than the rest of a plan.
    from cemops.execution.estate_store import look_into_store  # noqa: PLC0415 - see above
    from cemops.store.reading import identity_of  # noqa: PLC0415 - see above

    try:
        store = look_into_store(context)
        if store is None:
            return None
        try:
            with store.database.reading() as connection:
                return identity_of(connection, store.estate)
        finally:
            store.database.close()
    except CemopsError:
        return None
