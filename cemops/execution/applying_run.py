"""``cemops apply``: runs the same pyinfra operation as the stock command, on the hosts that the plan changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State, StateStage

from cemops.errors import CemopsError
from cemops.execution.estate_run import EstateRun
from cemops.execution.operations import OPERATIONS, use_run
from cemops.execution.session import Session


@dataclass(frozen=True)
class AppliedHost:
    """What came of one host."""

    name: str
    succeeded: bool
    error: str | None = None
    refused: bool = False


def settle_session(run: EstateRun, session: Session, report: Callable[[str], None]) -> bool:
    """Settle what an earlier apply left on any host; tell whether something has to be planned anew.

    A host that cannot settle it is in error from then on, and is not changed.
    """
    run.say = lambda host, sentence: report(f"{host}: {sentence}")
    again = False
    for host in session.hosts:
        if host.name not in run.observations:
            continue
        try:
            again |= run.kind(host.name).settle(run, host)
        except CemopsError as error:
            run.forget(host)
            run.unobserved[host.name] = error
            again = True
    return again


def apply_session(
    run: EstateRun, session: Session, names: Sequence[str], report: Callable[[str], None]
) -> tuple[AppliedHost, ...]:
    """Apply the named hosts of a session, one after another; ``report`` takes lines of progress."""
    state = session.state
    hosts = [host for host in session.hosts if host.name in set(names)]
    if not hosts:
        return ()
    use_run(state, run)
    run.logged.update(host.name for host in hosts)  # the plan was shown already
    run.say = lambda host, sentence: report(f"{host}: {sentence}")
    state.set_stage(StateStage.Prepare)
    for deploy, operation in OPERATIONS.items():
        managed = [host for host in hosts if host.data.get("cemops_deploy") == deploy]
        if managed:
            add_op(state, operation, name=deploy, _serial=True, host=managed)
    state.set_stage(StateStage.Execute)
    _run(state)
    return tuple(
        AppliedHost(
            host.name,
            succeeded=host not in state.failed_hosts,
            error=run.failures.get(host.name),
            refused=any(str(error).startswith(f"{host.name}:") for error in run.refusals),
        )
        for host in hosts
    )


def _run(state: State) -> None:
    try:
        run_ops(state)
    except PyinfraError:
        # pyinfra raises where no host is left; each host's own result says what came of it
        return
