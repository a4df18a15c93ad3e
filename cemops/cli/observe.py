"""``cemops observe``: record what the hosts hold, to plan from without a connection; show who unknown hosts are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cemops.cli.messages import progress, say_error
from cemops.cli.options import EstateOption, LimitOption, NowOption, context_of, names_of, time_of
from cemops.errors import CemopsError, UsageError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_run import EstateRun
from cemops.execution.host_identity import presented_identities
from cemops.execution.observation_record import record_document
from cemops.execution.planning_run import managed_hosts, observe_session, wanted_hosts
from cemops.execution.session import connected


def register(app: typer.Typer) -> None:
    """Add ``observe`` to the application."""
    app.command("observe")(observe)


def observe(
    *,
    estate: EstateOption = None,
    limit: LimitOption = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write the record.")] = None,
    show_identity: Annotated[
        bool, typer.Option("--show-identity", help="Only print what the hosts present; log on to none.")
    ] = False,
    now: NowOption = None,
) -> None:
    """Record what the hosts hold, for `cemops plan --observed FILE`. Changes nothing.

    The record holds configurations and certificates, no secret. Exit code 1 if a host could not be observed.
    """
    context = context_of(estate)
    wanted = wanted_hosts(context.estate, names_of(limit))
    if show_identity:
        raise typer.Exit(_show_identities(context, wanted))
    names = managed_hosts(context.estate, wanted)
    if out is None:
        raise UsageError("say where to write the record: --out FILE (or --show-identity to see what hosts present)")
    run = EstateRun(context, time_of(now))
    with progress("Observing", len(names)) as lines, connected(context, names, lambda _: None) as session:
        found, errors = observe_session(run, session, lines.done)
    document = record_document(context.estate, run.now, found, errors)
    try:
        out.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise CemopsError(f"{out} cannot be written ({error.strerror}): choose another place") from None
    for name, reason in errors.items():
        say_error(f"{name}: {reason}")
    typer.echo(f"{len(found)} of {len(names)} hosts are recorded in {out}")
    raise typer.Exit(1 if errors else 0)


def _show_identities(context: EstateContext, names: tuple[str, ...]) -> int:
    failed = 0
    for identity in presented_identities(context, names):
        if identity.error is not None:
            say_error(f"{identity.host}: {identity.error}")
            failed = 1
        for presented in identity.presented:
            typer.echo(f"{identity.host} {identity.place} {presented}")
    if not failed:
        typer.echo(
            "Compare each with what the host's own console shows before you put it into connection.host_key or"
            " connection.server_certificate.",
            err=True,
        )
    return failed
