"""``cemops drift``: what differs though nobody changed the estate since the last apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

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
from cemops.cli.plan import planned
from cemops.cli.plan_outputs import FormatOption, MetricsOption, exit_code, show, write_drift_metrics
from cemops.errors import CemopsError
from cemops.execution.estate_run import EstateRun
from cemops.execution.planning_run import wanted_hosts
from cemops.planning.changes import HostStatus, Plan
from cemops.planning.intent import drift_of


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
    metrics: MetricsOption = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 if something has drifted.")
    ] = False,
    output: FormatOption = "text",
    now: NowOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Show what differs on the hosts though the estate asks for nothing new since the last apply. Changes nothing.

    Compares with the estate that each host was last brought to: from here, or, with change.store, from anywhere. Exit
    code 0: done; 1: a host could not be observed or planned, the estate has errors, or no apply of a host that
    differs is known; 2 with --detailed-exitcode: something has drifted.
    """
    context = context_of(estate)
    time = time_of(now)
    stop_on_errors(context, time)
    run = EstateRun(context, time)
    run.applied.known()  # out of reach, it must not look as if nothing had drifted
    names = wanted_hosts(context.estate, names_of(limit), deploy)
    found = _drifted(run, *planned(run, names, observed))
    show(found, output, color=not no_color, subject="drift")
    if metrics is not None:
        write_drift_metrics(metrics, found, run)
    raise typer.Exit(exit_code(found, detailed=detailed_exitcode))


def _drifted(run: EstateRun, made: Plan, seen: Mapping[str, Any]) -> Plan:
    """Keep drift alone. Raises CemopsError where no host that differs has a past to compare with."""
    managed = [host for host in made.hosts if host.managed]
    differing = [host.host for host in managed if host.status is HostStatus.CHANGES]
    earlier = {name: run.earlier_changes(name, seen[name]) for name in differing}
    if differing and all(changes is None for changes in earlier.values()):
        raise CemopsError(
            "drift cannot be told: no apply of these hosts is known here, so what differs may never have been applied. "
            "Apply first; where others apply, or runners that come and go, declare change.store (docs/gitops.md)"
        )
    return replace(made, hosts=tuple(drift_of(host, earlier.get(host.host)) for host in managed))
