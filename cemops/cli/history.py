"""``cemops history``: what was applied, by whom, what came of it, and whether anything in the record was altered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cemops.cli.messages import say, say_error
from cemops.cli.options import EstateOption, context_of
from cemops.execution.estate_context import EstateContext
from cemops.model.counting import counted
from cemops.rendering.plan_text import wrapped
from cemops.rendering.terminal import visible

if TYPE_CHECKING:
    from cemops.store.locks import Lock
    from cemops.store.reading import AppliedChange, Apply

DEFAULT_LIMIT = 10


def register(app: typer.Typer) -> None:
    """Add ``history`` to the application."""
    app.command("history")(history)


def history(
    *,
    estate: EstateOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many applies.")] = DEFAULT_LIMIT,
    output: Annotated[
        Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")
    ] = "text",
    verify: Annotated[
        bool, typer.Option("--verify", help="Look whether a row of the store was changed or is missing.")
    ] = False,
) -> None:
    """Show the last applies: who, when, what was changed and what came of it, the latest first.

    With --verify, exit code 1 where the record was altered outside of cemops. Keep the hash that it prints somewhere
    else: it shows an alteration by somebody who could write every row of the store anew.
    """
    # Imported here: SQLAlchemy takes longer to import than the other commands take to start.
    from cemops.execution.estate_store import location_of, open_store  # noqa: PLC0415 - see above
    from cemops.store.reading import latest_applies  # noqa: PLC0415 - see above
    from cemops.store.verifying import verify as look  # noqa: PLC0415 - see above

    context = context_of(estate)
    location = location_of(context)
    if location.file is not None and not location.file.exists():
        _nothing_there(context, location.name, output, verify=verify)
    store = open_store(context)
    lock = store.current_lock()
    with store.database.reading() as connection:
        applies = latest_applies(connection, store.estate, limit)
        verified = look(connection) if verify else None
    problems = () if verified is None else verified[0]
    if output == "json":
        document = _document(context, location.name, lock, applies)
        if verified is not None:
            document["verified"] = {"problems": list(problems), "rows": verified[1], "hash": verified[2]}
        typer.echo(json.dumps(document, indent=2))
    else:
        for line in _lines(lock, applies):
            typer.echo(visible(line))
        if verified is not None and not problems:
            typer.echo(f"Nothing was altered: {counted(verified[1], 'row')}; hash {verified[2]}")
    for problem in problems:
        say_error(problem)
    raise typer.Exit(1 if problems else 0)


def _nothing_there(context: EstateContext, name: str, output: str, *, verify: bool) -> None:
    say(f"{name} does not exist: nothing of estate {context.estate.estate} is recorded here")
    if output == "json":
        typer.echo(json.dumps(_document(context, name, None, ()), indent=2))
    raise typer.Exit(1 if verify else 0)


def _document(context: EstateContext, name: str, lock: Lock | None, applies: Iterable[Apply]) -> dict[str, Any]:
    return {
        "schema": 1,
        "estate": context.estate.estate,
        "store": name,
        "lock": None
        if lock is None
        else {
            "who": lock.operator.who,
            "host": lock.operator.host,
            "pid": lock.operator.pid,
            "since": lock.since,
            "what": lock.what,
            "apply": lock.apply,
            "process": str(lock.operator.life()),
        },
        "applies": [asdict(apply) for apply in applies],
    }


def _lines(lock: Lock | None, applies: Iterable[Apply]) -> Iterator[str]:
    if lock is not None:
        stale = "; its process is gone: run `cemops unlock`" if lock.is_stale else ""
        yield from wrapped(f"Locked by {lock}{stale}", further="  ")
    none = True
    for apply in applies:
        none = False
        yield f"apply {apply.number}: {apply.result}, {_time(apply.started)}, {apply.who} on {apply.operator_host}"
        yield from wrapped(_origin(apply), "  ", "    ")
        for line in apply.accepted_lockout:
            yield from wrapped(f"accepted: {line}", "  ", "    ")
        for host, changes in groupby(apply.changes, key=lambda change: change.host):
            yield from _host_lines(host, tuple(changes))
    if none:
        yield "Nothing was applied yet."


def _origin(apply: Apply) -> str:
    git = ""
    if apply.git_revision is not None:
        git = f", git {apply.git_revision[:12]}{' with changes that are not committed' if apply.git_dirty else ''}"
    plan = "" if apply.plan is None else f", plan {apply.plan}"
    override = "" if apply.window_override is None else f", outside the change windows: {apply.window_override}"
    judged = "" if apply.judged_at is None else f", judged as of {_time(apply.judged_at)} (--now)"
    return f"{apply.command}{plan}, estate {apply.estate_digest[:19]}{git}{judged}{override}"


def _host_lines(host: str, changes: tuple[AppliedChange, ...]) -> Iterator[str]:
    first = changes[0]
    seconds = "" if first.seconds is None else f" in {first.seconds:.1f} s"
    yield f"  {host}: {counted(len(changes), 'change')} {first.result}{seconds}"
    for change in changes:
        result = "" if change.result == first.result else f" ({change.result})"
        yield from wrapped(f"{change.action} {change.resource} {change.id.split(':', 2)[-1]}{result}", "    ", "      ")
    for error in dict.fromkeys(change.error for change in changes if change.error is not None):
        for line in error.splitlines():
            yield from wrapped(line, "    ")


def _time(text: str) -> str:
    return f"{text[:19].replace('T', ' ')} UTC"
