"""``cemops unlock``: removes the lock that an apply left behind, on the estate or on hosts."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer

from cemops.cli.messages import say
from cemops.cli.options import EstateOption, context_of
from cemops.errors import RefusedError, UsageError


def register(app: typer.Typer) -> None:
    """Add ``unlock`` to the application."""
    app.command("unlock")(unlock)


def unlock(
    *,
    estate: EstateOption = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            metavar="HOST",
            help="Remove the lock on these hosts, not the estate's; comma-separated or repeated.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also take a lock whose process still runs, or ran elsewhere; it stops at its next host."
        ),
    ] = False,
) -> None:
    """Remove the lock that an apply left behind which was killed. Says first whose it is.

    Exit code 3 where its process still runs, or ran on another machine and nobody here can tell: there --force is
    needed. What the apply left on a host is settled by the next apply.

    --host is for operators who share no store: an apply with another store, known to be dead, has locked that host.
    """
    # Imported here: SQLAlchemy takes longer to import than the other commands take to start.
    from cemops.execution.estate_store import location_of, open_store  # noqa: PLC0415 - see above
    from cemops.store.operator import Life  # noqa: PLC0415 - see above

    context = context_of(estate)
    if host is not None:
        # Imported where hosts are dialled: pyinfra takes longer to import than the rest of this command.
        from cemops.cli.unlock_hosts import unlock_hosts  # noqa: PLC0415 - see above

        raise typer.Exit(unlock_hosts(context, host, partial(_confirmed, yes=yes), force=force))
    location = location_of(context)
    lock = None
    if location.file is None or location.file.exists():
        store = open_store(context)
        lock = store.current_lock()
    if lock is None:
        typer.echo(f"estate {context.estate.estate} is not locked")
        return
    say(f"estate {lock.estate} is locked by {lock}")
    life = lock.operator.life()
    if life is Life.ALIVE and not force:
        raise RefusedError(
            f"process {lock.operator.pid} still runs: wait for it or end it; with --force it is stopped before its "
            "next host"
        )
    if life is Life.UNKNOWN and not force:
        raise RefusedError(
            f"whether process {lock.operator.pid} still runs can be seen on {lock.operator.host} only: look there, and "
            "run `cemops unlock` there, or `cemops unlock --force` here"
        )
    if not _confirmed("Remove this lock?", yes=yes):
        raise typer.Exit(1)
    store.unlock(lock)
    apply = "" if lock.apply is None else f"; apply {lock.apply} is recorded as interrupted (see `cemops history`)"
    typer.echo(f"estate {lock.estate} is unlocked{apply}")


def _confirmed(question: str, *, yes: bool) -> bool:
    """Ask, unless the answer was given already. Raises UsageError where nobody can answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("unlock asks before it removes a lock, and there is no terminal: run it with --yes")
    if typer.confirm(question, err=True):
        return True
    say("nothing was changed")
    return False
