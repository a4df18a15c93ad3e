"""``cemops plan``: what an apply would do, and nothing done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cemops.cli.judging import stop_on_errors
from cemops.cli.messages import progress, say
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
from cemops.cli.plan_outputs import FormatOption, MetricsOption, exit_code, show, write_plan_metrics
from cemops.execution.estate_run import EstateRun
from cemops.execution.lock_seen import lock_seen, locked_sentence
from cemops.execution.observation_record import read_record
from cemops.execution.plan_file import write_plan_file
from cemops.execution.planning_run import managed_hosts, plan_record, plan_session, wanted_hosts
from cemops.execution.session import connected
from cemops.planning.change_window import closed_sentence
from cemops.planning.changes import Plan


def register(app: typer.Typer) -> None:
    """Add ``plan`` to the application."""
    app.command("plan")(plan)


def plan(  # noqa: PLR0913 - one parameter an option
    *,
    estate: EstateOption = None,
    limit: LimitOption = None,
    deploy: DeployOption = None,
    observed: Annotated[
        Path | None,
        typer.Option("--observed", metavar="FILE", help="Plan from a record of `cemops observe`; connect to nothing."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Keep the plan in a file, for `cemops apply FILE`."),
    ] = None,
    metrics: MetricsOption = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there is something to change.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Leave out the text of new files.")] = False,
    output: FormatOption = "text",
    now: NowOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Show what an apply would change on every host, and why. Changes nothing, makes nothing.

    Exit code 0: done; 1: a host could not be observed or planned, or the estate has errors; 2 with
    --detailed-exitcode: done, and there are changes.
    """
    context = context_of(estate)
    time = time_of(now)
    stop_on_errors(context, time)
    run = EstateRun(context, time)
    names = wanted_hosts(context.estate, names_of(limit), deploy)
    made, seen = planned(run, names, observed)
    if out is not None:
        write_plan_file(out, made, context)
        say(f"The plan is kept in {out}: apply it with `cemops apply {out}`.")
    show(made, output, color=not no_color, brief=brief)
    closed = closed_sentence(context.estate.change_windows, time)
    if made.has_changes and closed:
        say(f"It is {closed}: apply would refuse now.")
    lock = lock_seen(context) if made.has_changes else None
    if lock is not None:
        say(locked_sentence(lock))
    if metrics is not None:
        write_plan_metrics(metrics, made, run, seen)
    raise typer.Exit(exit_code(made, detailed=detailed_exitcode))


def planned(run: EstateRun, names: tuple[str, ...], record: Path | None) -> tuple[Plan, Mapping[str, Any]]:
    """Plan, from a record where one is given, else live; return by host what was observed, too."""
    if record is not None:
        seen = read_record(record, run.context.estate)
        return plan_record(run, seen, names), seen
    made = _planned_live(run, names)
    return made, {name: observation.observed for name, observation in run.observations.items()}


def _planned_live(run: EstateRun, names: tuple[str, ...]) -> Plan:
    """Connect, observe and plan, with progress on stderr."""
    managed = managed_hosts(run.context.estate, names)
    with (
        progress("Observing", len(managed)) as lines,
        connected(run.context, managed, lambda _: None) as session,
    ):
        return plan_session(run, session, names, lines.done)
