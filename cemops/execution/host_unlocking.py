"""Removes locks that were left on hosts, for somebody who knows that the apply which took them is dead."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.host import Host

from cemops.errors import CemopsError, RefusedError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_run import EstateRun
from cemops.execution.session import Session
from cemops.model.host_lock import HostLock


@dataclass(frozen=True)
class LockedHost:
    """A host that somebody has locked."""

    host: Host
    lock: HostLock
    has_expired: bool


def locked_hosts(run: EstateRun, session: Session) -> tuple[tuple[LockedHost, ...], dict[str, str]]:
    """Return which hosts of a session are locked, and by host why that could not be seen."""
    run.observe_all(session.hosts)
    errors = dict(session.errors) | {name: str(error) for name, error in run.unobserved.items()}
    found = []
    for host in session.hosts:
        observation = run.observations.get(host.name)
        lock: HostLock | None = None if observation is None else observation.observed.lock
        if observation is not None and lock is not None:
            found.append(LockedHost(host, lock, not lock.holds(observation.observed.clock, None)))
    return tuple(found), errors


def refuse_the_living(context: EstateContext, locked: tuple[LockedHost, ...]) -> None:
    """Raise RefusedError where the apply that holds one of them may be at work, as far as this store can tell."""
    # Imported where a host is locked: SQLAlchemy takes longer than the rest.
    from cemops.execution.estate_store import look_into_store  # noqa: PLC0415 - see above
    from cemops.store.operator import Life  # noqa: PLC0415 - see above
    from cemops.store.reading import identity_of  # noqa: PLC0415 - see above

    store = look_into_store(context)
    if store is None:
        return
    try:
        lock = store.current_lock()
        with store.database.reading() as connection:
            own = identity_of(connection, store.estate)
    finally:
        store.database.close()
    held = [one.host.name for one in locked if one.lock.store == own]
    if held and lock is not None and lock.operator.life() is not Life.GONE:
        raise RefusedError(
            f"the apply that has locked {', '.join(held)} holds the estate's lock, too: {lock}. Wait for it; if it is "
            "known to be dead, run `cemops unlock` first, or this with --force"
        )


def remove(run: EstateRun, locked: LockedHost) -> str | None:
    """Record that a lock is removed, then remove it; return why it could not be recorded. Raises CemopsError."""
    trouble = _recorded(run.context, locked)
    run.kind(locked.host.name).unlock(run, locked.host, locked.lock.token)
    return trouble


def _recorded(context: EstateContext, locked: LockedHost) -> str | None:
    from cemops.execution.estate_store import look_into_store  # noqa: PLC0415 - as above
    from cemops.store.host_unlocks import note_host_unlocked  # noqa: PLC0415 - as above

    try:
        store = look_into_store(context)
        if store is None:
            return None
        try:
            note_host_unlocked(store, locked.host.name, str(locked.lock))
        finally:
            store.database.close()
    except CemopsError as error:
        return str(error)
    return None
