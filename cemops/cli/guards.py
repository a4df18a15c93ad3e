"""What is refused before anything is touched, and how the end of an apply is told: for apply and restore alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cemops.cli.messages import say, say_error
from cemops.errors import RefusedError, StoppedError
from cemops.execution.applying_run import AppliedHost
from cemops.execution.estate_run import EstateRun
from cemops.planning.change_window import is_open
from cemops.planning.changes import Plan
from cemops.rendering.plan_json import plan_document


def pass_guards(run: EstateRun, made: Plan, accept_lockout: int | None, *, instead: str) -> None:
    """Refuse (3) outside the windows, and what cuts agents off unless its lines were counted.

    ``instead``: what to do rather than accept it. The operation asks the same guards again for each host.
    """
    closed = run.closed()
    if made.has_changes and closed:
        raise RefusedError(f"{closed}. Nothing was changed.")
    if made.cut_off and accept_lockout != len(made.cut_off):
        listed = "\n".join(f"  {line}" for line in made.cut_off)
        number = len(made.cut_off)
        given = ""
        if accept_lockout is not None:
            given = f" (--accept-lockout {accept_lockout} was given, {number} {'is' if number == 1 else 'are'} listed)"
        raise RefusedError(
            f"this cuts agents off{given}:\n{listed}\n{instead}, or, knowing what it does, add "
            f"--accept-lockout {number}. Nothing was changed."
        )
    if accept_lockout is not None and not made.cut_off:
        say(f"--accept-lockout {accept_lockout} was not needed: this cuts no agent off.")
    run.lockout_accepted = {host.host: len(host.cut_off) for host in made.hosts if host.cut_off}
    run.recorder.accepted = made.cut_off


def judged_at(run: EstateRun, now: datetime | None) -> None:
    """Record a ``--now``, and say so where it opens a change window that the clock keeps closed."""
    if now is None:
        return
    run.recorder.judged_at = now.isoformat()
    windows = run.context.estate.change_windows
    if run.window_override is None and is_open(windows, now) and not is_open(windows, datetime.now(UTC)):
        say_error(
            f"change windows are judged as of {now:%Y-%m-%d %H:%M %Z} (--now); by the clock they are closed; recorded"
        )


def applied_document(run: EstateRun, made: Plan, applied: Sequence[AppliedHost]) -> dict[str, Any]:
    """Return the plan's JSON with what came of each host (`cemops schema apply`)."""
    document = plan_document(made)
    document["applied"] = [{"host": host.name, "result": _result(host), "error": host.error} for host in applied]
    document["halted"] = run.halted
    return document


def _result(host: AppliedHost) -> str:
    if host.left_alone:
        return "left-alone"
    return "applied" if host.succeeded else "failed"


def stop_if_interrupted(run: EstateRun) -> None:
    """Raise StoppedError where a signal ended the run in order."""
    if run.interruption.reason is not None and run.left_alone:
        raise StoppedError(f"stopped: {run.interruption.reason}; each machine of the plan is done or was not begun")


def exit_code_of(run: EstateRun, made: Plan, applied: Sequence[AppliedHost]) -> int:
    """Return the contract's exit code: 3 where all that failed was refused, 1 where anything failed."""
    failed = [host for host in applied if not host.succeeded]
    if failed and all(host.refused for host in failed) and not made.has_failures:
        return RefusedError.exit_code
    return 1 if failed or made.has_failures or run.halted is not None else 0
