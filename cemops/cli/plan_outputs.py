"""How a plan leaves a command: as text, JSON or Markdown, as metrics, as an exit code. For plan and drift alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cemops.cli.messages import say
from cemops.cli.styled import show_plan
from cemops.errors import CemopsError
from cemops.execution.estate_run import EstateRun
from cemops.planning.changes import Plan
from cemops.rendering.plan_json import plan_document
from cemops.rendering.plan_text import Subject

CHANGES_EXIT_CODE = 2
FAILED_EXIT_CODE = 1

FormatOption = Annotated[
    Literal["text", "json", "markdown"],
    typer.Option(
        "--format", help="text for people, json for programs, markdown for the comment of a pull or merge request."
    ),
]
MetricsOption = Annotated[
    Path | None,
    typer.Option("--metrics", metavar="FILE", help="Write metrics for Prometheus' textfile collector, too: FILE.prom."),
]


def show(made: Plan, output: str, *, color: bool, brief: bool = False, subject: Subject = "plan") -> None:
    """Print a plan on stdout."""
    if output == "json":
        typer.echo(json.dumps(plan_document(made), indent=2))
    elif output == "markdown":
        from cemops.rendering.plan_markdown import plan_markdown  # noqa: PLC0415 - only where it is asked for

        typer.echo(plan_markdown(made, subject))
    else:
        show_plan(made, color=color, brief=brief, subject=subject)


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


def write_drift_metrics(file: Path, found: Plan, run: EstateRun) -> None:
    """Write the metrics of what has drifted. Raises CemopsError where the file cannot be written."""
    from cemops.execution.metrics_file import write_metrics  # noqa: PLC0415 - as above
    from cemops.rendering.plan_metrics import drift_metrics  # noqa: PLC0415 - as above

    write_metrics(file, drift_metrics(found, run.now))


def exit_code(made: Plan, *, detailed: bool) -> int:
    """Return the contract's exit code: a failed host wins over changes."""
    if made.has_failures:
        return FAILED_EXIT_CODE
    return CHANGES_EXIT_CODE if detailed and made.needs_consent else 0
