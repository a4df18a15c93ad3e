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
from cemops.execution.host_locks import HostLockedError
from cemops.execution.host_order import keep_order
from cemops.execution.operations import OPERATIONS, use_run
from cemops.execution.session import Session
from cemops.planning.batches import Batch


@dataclass(frozen=True)
class AppliedHost:
    """What came of one host."""

    name: str
    succeeded: bool
    error: str | None = None
    refused: bool = False
    left_alone: bool = False
    """It was not begun: something before it stopped the rollout."""


def settle_session(run: EstateRun, session: Session, report: Callable[[str], None]) -> bool:
    """Settle what an earlier apply left on any host; tell whether something has to be planned anew.

    A host that cannot settle it is in error from then on, and is not changed. One that somebody else has locked is left
    as it is: its own turn refuses it.
    """
    run.say = lambda host, sentence: report(f"{host}: {sentence}")
    again = False
    for host in session.hosts:
        if host.name not in run.observations:
            continue
        try:
            again |= run.kind(host.name).settle(run, host)
            run.locks.release(host)
            run.recorder.finish(host.name)
        except HostLockedError as error:
            run.recorder.finish(host.name, error)
            again = True
        except CemopsError as error:
            run.locks.release(host, error)
            run.recorder.finish(host.name, error)
            run.forget(host)
            run.unobserved[host.name] = error
            again = True
    return again


def apply_session(
    run: EstateRun, session: Session, wanted: Sequence[Batch], report: Callable[[str], None]
) -> tuple[AppliedHost, ...]:
    """Apply batch after batch, in each one machine after another; ``report`` takes lines of progress."""
    state = session.state
    found = {host.name: host for host in session.hosts}
    hosts = [found[name] for batch in wanted for name in batch.hosts if name in found]
    if not hosts:
        return ()
    use_run(state, run)
    run.logged.update(host.name for host in hosts)  # the plan was shown already
    run.say = lambda host, sentence: report(f"{host}: {sentence}")
    state.set_stage(StateStage.Prepare)
    # pyinfra takes the operations of a run for one, whatever their names: the hosts' order makes that of the batches.
    keep_order(state.inventory, [host.name for host in hosts])
    for batch in wanted:
        together = [found[name] for name in batch.hosts if name in found]
        add_op(state, OPERATIONS[batch.deploy], name="apply", _serial=True, host=together)
    state.set_stage(StateStage.Execute)
    with run.interruption.awaited(report):
        _run(state)
    return tuple(
        AppliedHost(
            host.name,
            succeeded=host not in state.failed_hosts,
            error=run.failures.get(host.name),
            left_alone=host.name in run.left_alone,
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
