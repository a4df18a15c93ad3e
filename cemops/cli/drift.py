"""``cemops drift``: what differs though nobody changed the estate since the last apply."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from cemops.cli.judging import stop_on_errors
from cemops.cli.options import (
    DeployOption,
    EstateOption,
    LimitOption,
    NoColorOption,
    NowOption,
    context_of,
    names_of,
    time_of,
)
from cemops.cli.plan import exit_code, planned_live
from cemops.cli.styled import show_plan
from cemops.execution.estate_run import EstateRun
from cemops.execution.observation_record import read_record
from cemops.execution.planning_run import plan_record, wanted_hosts
from cemops.planning.intent import drift_of
from cemops.rendering.plan_json import plan_document


def register(app: typer.Typer) -> None:
    """Add ``drift`` to the application."""
    app.command("drift")(drift)


def drift(  # noqa: PLR0913 - one parameter an option
    *,
    estate: EstateOption = None,
    limit: LimitOption = None,
    deploy: DeployOption = None,
    observed: Annotated[
        Path | None,
        typer.Option("--observed", metavar="FILE", help="Look into a record of `cemops observe`; connect to nothing."),
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if something has drifted.")
    ] = False,
    output: Annotated[
        Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")
    ] = "text",
    now: NowOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Show what differs on the hosts though the estate asks for nothing new since the last apply. Changes nothing.

    Compares with the estate that each host was last brought to from here. Exit code 0: done; 1: a host could not be
    observed or planned, or the estate has errors; 2 with --detailed-exitcode: something has drifted.
    """
    context = context_of(estate)
    time = time_of(now)
    stop_on_errors(context, time)
    run = EstateRun(context, time)
    names = wanted_hosts(context.estate, names_of(limit), deploy)
    made = (
        planned_live(run, names) if observed is None else plan_record(run, read_record(observed, context.estate), names)
    )
    found = replace(
        made,
        hosts=tuple(
            drift_of(host, compared=run.applied.context_of(host.host) is not None)
            for host in made.hosts
            if host.managed
        ),
    )
    if output == "json":
        typer.echo(json.dumps(plan_document(found), indent=2))
    else:
        show_plan(found, color=not no_color, brief=False)
    raise typer.Exit(exit_code(found, detailed=detailed_exitcode))
