"""``cemops apply``: make the changes that the plan shows, each gateway in a transaction, one after another."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from cemops.cli.guards import applied_document, exit_code_of, judged_at, pass_guards, stop_if_interrupted
from cemops.cli.judging import stop_on_errors
from cemops.cli.messages import progress, say, say_error
from cemops.cli.options import (
    EstateOption,
    LimitOption,
    NoColorOption,
    NowOption,
    context_of,
    names_of,
    reason_of,
    time_of,
)
from cemops.cli.styled import show_plan
from cemops.errors import HostError, RefusedError, UsageError
from cemops.execution.applying_run import AppliedHost, apply_session, settle_session
from cemops.execution.estate_run import EstateRun
from cemops.execution.health_gate import HealthGate
from cemops.execution.plan_file import read_plan_file
from cemops.execution.planning_run import managed_hosts, plan_session, wanted_hosts
from cemops.execution.rollout_stages import RolloutStages
from cemops.execution.session import Session, connected
from cemops.planning.batches import Batch, batch_size, batches
from cemops.planning.change_window import too_long
from cemops.planning.changes import HostStatus, Plan
from cemops.planning.saved_plan import PlannedChange, SavedPlan, compare, staleness

_NEW_PLAN = "Nothing was changed; make a new plan with `cemops plan --out FILE`."


def register(app: typer.Typer) -> None:
    """Add ``apply`` to the application."""
    app.command("apply")(apply)


def apply(  # noqa: PLR0913 - one parameter an option
    planfile: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PLANFILE]",
            help="Make exactly the changes of this file of `cemops plan --out`.",
            show_default=False,
        ),
    ] = None,
    *,
    estate: EstateOption = None,
    limit: LimitOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    accept_lockout: Annotated[
        int | None,
        typer.Option(
            "--accept-lockout", metavar="N", min=1, help="Cut off what the plan lists, N being its number of lines."
        ),
    ] = None,
    override_window: Annotated[
        str | None,
        typer.Option("--override-window", metavar="REASON", help="Change outside the change windows; recorded."),
    ] = None,
    batch: Annotated[
        str,
        typer.Option(
            "--batch", metavar="N|N%", help="How many machines of a kind are begun together in a change window."
        ),
    ] = "1",
    canary: Annotated[
        str | None, typer.Option("--canary", metavar="HOST", help="The machine that goes first, alone.")
    ] = None,
    max_failures: Annotated[
        int | None,
        typer.Option("--max-failures", metavar="N", min=0, help="Leave the rest alone when more than N have failed."),
    ] = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")
    ] = "text",
    now: NowOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Make the changes that the plan shows. Each gateway is staged, rehearsed, switched, checked from outside.

    A gateway that fails its check goes back by itself and stops the rest. Exit code 0: done; 1: a host failed or
    was unreachable; 3: refused, outside the change windows, because agents would be cut off, or because another apply
    is at work; 64: without --yes and without a terminal to ask on; 130: Ctrl-C or SIGTERM, which let the machine at
    work be finished.
    """
    context = context_of(estate)
    time = time_of(now)
    stop_on_errors(context, time)
    run = EstateRun(context, time, window_override=reason_of(override_window))
    size = batch_size(batch)
    saved = None if planfile is None else _agreed(run, planfile, limit)
    names = wanted_hosts(context.estate, names_of(limit) if saved is None else saved.hosts)
    managed = managed_hosts(context.estate, names)
    if canary is not None and canary not in managed:
        raise UsageError(f"--canary {canary} is not among the machines of this apply: {', '.join(managed)}")
    if not yes and not sys.stdin.isatty():
        raise UsageError("apply asks before it changes anything, and there is no terminal: run it with --yes")
    run.recorder.complain = say_error
    judged_at(run, time if now else None)
    run.gate = HealthGate(context, time, say)  # before anything: what an earlier apply left has to pass it, too
    with run.recorder.holding("cemops apply"), connected(context, managed, lambda _: None) as session:
        if saved is not None:
            _refuse_again(run, saved)
        with progress("Observing", len(managed)) as lines:
            made = plan_session(run, session, names, lines.done)
        settled = saved is None and _settled(run, session)
        if settled:
            made = plan_session(run, session, names, lambda _: None)
        if output == "text":
            show_plan(made, color=not no_color, brief=True)
        if saved is not None:
            _hold_to(saved, made)
            made = replace(made, plan_id=saved.plan_id)
        else:
            _agree(run, made)
        if made.needs_consent:
            pass_guards(run, made, accept_lockout, instead="Give agents what is new first and wait (CE-05)")
            if made.has_changes and not yes and not typer.confirm("Apply these changes?", err=True):
                say("nothing was changed")
                raise typer.Exit(1)
        run.recorder.plan = made
        if made.cut_off and not made.has_changes:
            run.recorder.begin_apply()  # who agreed to it is on record, though no machine changes
        run.applied.remember(host.host for host in made.hosts if host.status is HostStatus.IN_SYNC and host.managed)
        changed = [host.host for host in made.hosts if host.status is HostStatus.CHANGES]
        _refuse_unfit_canary(made, canary)
        stages = _stages(run, made, batches(context.estate, changed, canary, size), max_failures)
        applied = apply_session(run, session, stages.batches, say)
    _say_what_is_left(run, made, applied, settled=settled)
    _show(run, made, applied, output)
    stop_if_interrupted(run)
    raise typer.Exit(exit_code_of(run, made, applied))


def _stages(run: EstateRun, made: Plan, wanted: tuple[Batch, ...], max_failures: int | None) -> RolloutStages:
    """Look at the gateways that change as agents do, to compare with afterwards."""
    settled = {host.host for host in made.hosts if not host.is_unfinished}
    if run.gate is not None:
        run.gate.before(name for batch in wanted for name in batch.hosts if name in settled)
    durations = run.recorder.durations()

    def fits(batch: Batch) -> str | None:
        return too_long([durations.get(name) for name in batch.hosts], run.closes_in())

    failed = sum(host.status in (HostStatus.UNREACHABLE, HostStatus.ERROR) for host in made.hosts)
    run.stages = RolloutStages(wanted, max_failures, failed, closed=run.closed, fits=fits)
    return run.stages


def _agree(run: EstateRun, made: Plan) -> None:
    """Hold every host to what is shown of it: what moves behind its lock is for the next plan."""
    run.otherwise = "this is not what was shown; run apply again"
    run.agreed = {
        host.host: None if host.is_unfinished else tuple(map(PlannedChange.of, host.changes)) for host in made.hosts
    }


def _refuse_unfit_canary(made: Plan, canary: str | None) -> None:
    """Raise HostError where the canary cannot go first: nobody else goes then."""
    found = next((host for host in made.hosts if host.host == canary), None)
    if found is not None and found.status in (HostStatus.UNREACHABLE, HostStatus.ERROR):
        raise HostError(found.host, f"the canary {found.host} cannot go first, so nothing was changed: {found.error}")


def _say_what_is_left(run: EstateRun, made: Plan, applied: tuple[AppliedHost, ...], *, settled: bool) -> None:
    if settled and not applied:
        say("What an earlier apply left was settled; nothing else is to be done.")
    if run.halted is not None and run.interruption.reason is None:
        say_error(f"stopped: {run.halted}")
    left = [host.name for host in applied if not host.succeeded]
    if left:
        lines = sum(len(host.cut_off) for host in made.hosts if host.host in left)
        accepted = f" --accept-lockout {lines}" if lines else ""
        say(f"Go on, when that is settled, with: cemops apply --limit {','.join(left)}{accepted}")


def _agreed(run: EstateRun, planfile: Path, limit: list[str] | None) -> SavedPlan:
    """Read a plan file, and refuse (3) one that is not to be applied any more."""
    if limit:
        raise UsageError("a plan file says which hosts are changed: leave out --limit")
    saved = read_plan_file(planfile)
    reasons = staleness(saved, run.context.estate, run.now)
    if reasons:
        raise RefusedError(f"{planfile} is not applied: {'; '.join(reasons)}. {_NEW_PLAN}")
    run.agreed = saved.by_host
    return saved


def _refuse_again(run: EstateRun, saved: SavedPlan) -> None:
    applied = run.recorder.applied_before(saved.plan_id)
    if applied is not None:
        raise RefusedError(f"plan {saved.plan_id} was applied already, {applied}: a plan is applied once. {_NEW_PLAN}")


def _hold_to(saved: SavedPlan, made: Plan) -> None:
    """Refuse (3) where the world has moved since the plan was made; say what of it is not needed any more."""
    moved = compare(saved, made)
    if moved.reasons:
        listed = "\n".join(f"  {reason}" for reason in moved.reasons)
        raise RefusedError(f"the plan no longer holds:\n{listed}\n{_NEW_PLAN}")
    for change in moved.unnecessary:
        say(f"not needed any more: {change}")


def _settled(run: EstateRun, session: Session) -> bool:
    """Settle first what an earlier apply left: only then it is known what serves, and who would be cut off."""
    return run.closed() is None and settle_session(run, session, say)


def _outcome(made: Plan, applied: tuple[AppliedHost, ...]) -> str:
    """Say what came of every host that was asked for."""
    changed = sum(host.succeeded for host in applied)
    left_alone = sum(host.left_alone for host in applied)
    counts = {
        "changed": changed,
        "failed": len(applied) - changed - left_alone + sum(host.status is HostStatus.ERROR for host in made.hosts),
        "left alone": left_alone,
        "unreachable": sum(host.status is HostStatus.UNREACHABLE for host in made.hosts),
        "in sync": sum(host.status is HostStatus.IN_SYNC and host.managed for host in made.hosts),
    }
    return f"Applied: {', '.join(f'{number} {what}' for what, number in counts.items() if number)}."


def _show(run: EstateRun, made: Plan, applied: tuple[AppliedHost, ...], output: str) -> None:
    if output == "json":
        typer.echo(json.dumps(applied_document(run, made, applied), indent=2))
    elif applied:
        typer.echo(_outcome(made, applied))
