"""``cemops plan``: what an apply would do, and nothing done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

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
from cemops.cli.styled import show_plan
from cemops.errors import CemopsError
from cemops.execution.estate_run import EstateRun
from cemops.execution.observation_record import read_record
from cemops.execution.plan_file import write_plan_file
from cemops.execution.planning_run import managed_hosts, plan_record, plan_session, wanted_hosts
from cemops.execution.session import connected
from cemops.planning.change_window import closed_sentence
from cemops.planning.changes import Plan
from cemops.rendering.plan_json import plan_document

CHANGES_EXIT_CODE = 2
FAILED_EXIT_CODE = 1


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
    metrics: Annotated[
        Path | None,
        typer.Option(
            "--metrics", metavar="FILE", help="Write metrics for Prometheus' textfile collector, too: FILE.prom."
        ),
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there is something to change.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Leave out the text of new files.")] = False,
    output: Annotated[
        Literal["text", "json", "markdown"],
        typer.Option(
            "--format", help="text for people, json for programs, markdown for the comment of a pull or merge request."
        ),
    ] = "text",
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
    if observed is None:
        made = planned_live(run, names)
        seen = {name: observation.observed for name, observation in run.observations.items()}
    else:
        seen = read_record(observed, context.estate)
        made = plan_record(run, seen, names)
    if out is not None:
        write_plan_file(out, made, context)
        say(f"The plan is kept in {out}: apply it with `cemops apply {out}`.")
    if output == "json":
        typer.echo(json.dumps(plan_document(made), indent=2))
    elif output == "markdown":
        from cemops.rendering.plan_markdown import plan_markdown  # noqa: PLC0415 - only where it is asked for

        typer.echo(plan_markdown(made))
    else:
        show_plan(made, color=not no_color, brief=brief)
    closed = closed_sentence(context.estate.change_windows, time)
    if made.has_changes and closed:
        say(f"It is {closed}: apply would refuse now.")
    if metrics is not None:
        write_plan_metrics(metrics, made, run, seen)
    raise typer.Exit(exit_code(made, detailed=detailed_exitcode))


def planned_live(run: EstateRun, names: tuple[str, ...]) -> Plan:
    """Connect, observe and plan, with progress on stderr."""
    managed = managed_hosts(run.context.estate, names)
    with (
        progress("Observing", len(managed)) as lines,
        connected(run.context, managed, lambda _: None) as session,
    ):
        return plan_session(run, session, names, lines.done)


def write_plan_metrics(file: Path, made: Plan, run: EstateRun, seen: Mapping[str, Any]) -> None:
    """Write the metrics of a plan, of what its hosts' observations show to run out, of the last apply.

    Raises CemopsError where the file cannot be written. A store that cannot be read is said, and left out.
    """
    # Imported where they are asked for, for a quick start.
    from cemops.execution.last_apply import last_apply  # noqa: PLC0415 - see above
    from cemops.execution.metrics_file import write_metrics  # noqa: PLC0415 - see above
    from cemops.execution.seen_expiries import seen_expiries  # noqa: PLC0415 - see above
    from cemops.rendering.plan_metrics import plan_metrics  # noqa: PLC0415 - see above

    planned = {host.host for host in made.hosts}
    expiries = seen_expiries(run.context, {name: found for name, found in seen.items() if name in planned})
    last = None
    try:
        last = last_apply(run.context)
    except CemopsError as error:
        say(f"the metrics do not tell of the last apply: {error}")
    write_metrics(file, plan_metrics(made, expiries, run.now, last))


def exit_code(made: Plan, *, detailed: bool) -> int:
    """Return the contract's exit code: a failed host wins over changes."""
    if made.has_failures:
        return FAILED_EXIT_CODE
    return CHANGES_EXIT_CODE if detailed and made.has_changes else 0
