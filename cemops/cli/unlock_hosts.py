"""``cemops unlock --host``: removes the lock that an apply with another store left on a host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import typer

from cemops.cli.messages import progress, say, say_error
from cemops.cli.options import time_of
from cemops.errors import CemopsError, UsageError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_run import EstateRun
from cemops.execution.host_unlocking import LockedHost, locked_hosts, refuse_the_living, remove
from cemops.execution.session import connected
from cemops.planning.managed import managed_machines


def unlock_hosts(
    context: EstateContext, options: Sequence[str], confirmed: Callable[[str], bool], *, force: bool
) -> int:
    """Say who has locked the hosts, ask, and remove the locks; return the exit code. ``confirmed`` asks."""
    names = _hosts(context, options)
    run = EstateRun(context, time_of(None))
    with progress("Looking", len(names)) as lines, connected(context, names, lambda _: None) as session:
        locked, errors = locked_hosts(run, session)
        for name in names:
            lines.done(f"{name}: {'not seen' if name in errors else 'looked at'}")
        for name, error in errors.items():
            say_error(f"{name}: {error}")
        _tell(names, locked, errors)
        if not locked:
            return 1 if errors else 0
        if not force:
            refuse_the_living(context, locked)
        if not confirmed("Remove this lock?" if len(locked) == 1 else f"Remove these {len(locked)} locks?"):
            return 1
        removed = [_removed(run, one) for one in locked]
    return 0 if all(removed) and not errors else 1


def _hosts(context: EstateContext, options: Sequence[str]) -> tuple[str, ...]:
    """Split ``--host a,b --host c``. Raises UsageError for none, and for one that no deploy manages."""
    managed = managed_machines(context.estate)
    wanted = dict.fromkeys(name.strip() for part in options for name in part.split(",") if name.strip())
    unknown = [name for name in wanted if name not in managed]
    if unknown or not wanted:
        raise UsageError(
            f"--host names {', '.join(unknown) or 'nothing'}: give hosts that a deploy of this estate manages "
            f"({', '.join(managed)})"
        )
    return tuple(wanted)


def _tell(names: Iterable[str], locked: Iterable[LockedHost], errors: Iterable[str]) -> None:
    found = {one.host.name: one for one in locked}
    for name in names:
        if name in found:
            one = found[name]
            say(f"{name} is locked by {one.lock}{' (it keeps nobody out any more)' if one.has_expired else ''}")
        elif name not in errors:
            typer.echo(f"{name} is not locked")


def _removed(run: EstateRun, one: LockedHost) -> bool:
    try:
        trouble = remove(run, one)
    except CemopsError as error:
        say_error(f"{one.host.name}: {error}")
        return False
    if trouble is not None:
        say_error(f"{one.host.name}: that its lock was removed could not be recorded: {trouble}")
    typer.echo(f"{one.host.name} is unlocked")
    return True
