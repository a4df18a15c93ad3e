"""The pyinfra operations of cemops: one a host and deploy. Each calls the pure planner and yields its changes.

pyinfra runs an operation up to its first command when it prepares (``--dry``), and again, whole, when it executes. An
exception in an operation would end the run for all hosts, so every error becomes a failed command of its own host.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pyinfra import logger
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State, StateStage
from pyinfra.context import ctx_host, ctx_state

from cemops.errors import CemopsError, LeftAloneError, RefusedError, what_may_be_said
from cemops.execution.current_estate import current_context
from cemops.execution.estate_run import EstateRun
from cemops.execution.interruption import end_process
from cemops.planning.changes import HostPlan, MachinePlan, host_status
from cemops.planning.managed import Deploy
from cemops.planning.unmanaged import unmanaged_hosts
from cemops.rendering.plan_text import change_lines, warning_lines

_RUN = "cemops_run"


class StepCommand(PyinfraCommand):
    """One step as a pyinfra command. A CemopsError fails this host's operation, and no other host's."""

    def __init__(self, host: Host, label: str, run: Callable[[], None]) -> None:
        super().__init__()
        self._host = host
        self._label = label
        self._run = run

    def __repr__(self) -> str:
        """Name the step: it holds no secret."""
        return f"<{self._label}>"

    def execute(self, state: State, host: Host, connector_arguments: Any) -> bool:  # noqa: ANN401, ARG002 - pyinfra's signature
        """Run the step; False where it failed."""
        run = run_of(state)
        run.say(self._host.name, self._label)
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - an error inside cemops is this host's alone, too
            run.failures[self._host.name] = what_may_be_said(error)
            if isinstance(error, LeftAloneError):
                run.left_alone.add(self._host.name)
            run.locks.release(self._host, error)
            run.recorder.finish(self._host.name, error)
            logger.error("%s%s", self._host.print_prefix, what_may_be_said(error))
            return False
        return True


@operation()
def internet_gateway() -> Generator[PyinfraCommand, None, None]:
    """Bring an Internet gateway to what the estate declares (DESIGN.md, "Gateway on disk")."""
    yield from _deploy("gateway")


@operation()
def agent_site() -> Generator[PyinfraCommand, None, None]:
    """Bring a Notification Server's CEM agent site to what the estate declares (P-02, NS-01)."""
    yield from _deploy("agent_site")


@operation()
def site_servers() -> Generator[PyinfraCommand, None, None]:
    """Bring a site server's bindings and certificates to what the estate declares (P-04, SS-01)."""
    yield from _deploy("site_servers")


OPERATIONS: Mapping[Deploy, Any] = {
    "agent_site": agent_site,
    "site_servers": site_servers,
    "gateway": internet_gateway,
}
"""By deploy, its operation, in the order in which apply takes them."""


def _deploy(deploy: Deploy) -> Iterator[PyinfraCommand]:
    """Plan a host and yield its steps; nothing where nothing has to be done. The plan is logged.

    A host that another deploy manages, or none, is passed over.
    """
    host: Host = ctx_host.get()
    state: State = ctx_state.get()
    if host.data.get("cemops_deploy") != deploy:
        return
    run = run_of(state)
    try:
        if state.current_stage < StateStage.Execute:
            yield from _prepared(state, run, host)
        else:
            yield from _executed(state, run, host)
    except CemopsError as error:
        yield from _failing(state, run, host, error)
    except Exception as error:  # noqa: BLE001 - pyinfra would end the run for all hosts
        yield from _failing(state, run, host, CemopsError(what_may_be_said(error)))


def run_of(state: State) -> EstateRun:
    """Return the run's run; the stock command makes it from the estate that the inventory was read from."""
    found = getattr(state, _RUN, None)
    if found is None:
        found = EstateRun(current_context(), datetime.now(UTC))
        use_run(state, found)
        for unmanaged in unmanaged_hosts(found.context.estate):
            _log_warnings(unmanaged)
    return found


def use_run(state: State, run: EstateRun) -> None:
    """Let ``cemops apply`` hand its own run (with its observations and guards' answers) to the operation."""
    setattr(state, _RUN, run)


def _prepared(state: State, run: EstateRun, host: Host) -> Iterator[PyinfraCommand]:
    plan = run.plan(host)
    _log_plan(run, host, plan, diff=bool(state.config.DIFF))
    if plan.errors:
        raise CemopsError("; ".join(plan.errors))
    if plan.is_empty:
        return
    yield StepCommand(host, "change the machine", lambda: None)


def _executed(state: State, run: EstateRun, host: Host) -> Iterator[PyinfraCommand]:
    deploy = host.data.get("cemops_deploy")
    run.observe_all(one for one in state.inventory.get_active_hosts() if one.data.get("cemops_deploy") == deploy)
    plan = run.plan(host)
    _log_plan(run, host, plan, diff=False)
    if plan.is_empty and not plan.errors:
        run.remember_in_sync(host.name)
        return
    _let_through(run, host)
    run.guard(host, plan)
    if not run.recorder.is_open:  # stock pyinfra; before the lock is taken: a signal must not leave it there
        run.interruption.await_signals(logger.error, end_process)
    if run.recorder.begin(host.name):
        run.forget_all()
    run.locks.take(host)
    plan = run.plan(host)
    if plan.is_empty and not plan.errors:  # somebody else made the change meanwhile
        run.locks.release(host)
        run.recorder.finish(host.name)
        return
    run.guard(host, plan)
    for step in run.kind(host.name).steps(run, host):
        yield StepCommand(host, step.label, step.run)
    run.locks.release(host)
    run.recorder.finish(host.name)
    run.applied.remember([host.name])


def _let_through(run: EstateRun, host: Host) -> None:
    if run.interruption.reason is not None:
        raise LeftAloneError(host.name, f"left alone: {run.interruption.reason}")
    if run.stages is not None:
        run.stages.admit(host.name, run.failures.keys() - run.left_alone)


def _failing(state: State, run: EstateRun, host: Host, error: CemopsError) -> Iterator[PyinfraCommand]:
    if isinstance(error, RefusedError):
        run.refusals.append(error)
    if state.current_stage < StateStage.Execute:
        logger.error("%s%s", host.print_prefix, error)
        state.fail_hosts({host})
        return

    def fail() -> None:
        raise error

    yield StepCommand(host, "the machine is left alone", fail)


def _log_plan(run: EstateRun, host: Host, plan: MachinePlan, *, diff: bool) -> None:
    """Log a host's plan once a run: pyinfra calls the operation when it prepares and again when it executes."""
    if host.name in run.logged:
        return
    run.logged.add(host.name)
    for change in plan.changes:
        for line in change_lines(change, diff=diff):
            logger.info("%s%s", host.print_prefix, line)
    warnings = (*plan.warnings, *run.lock_warnings(run.observe(host).observed))
    _log_warnings(HostPlan(host.name, host_status(plan.changes), plan.changes, warnings))


def _log_warnings(plan: HostPlan) -> None:
    for line in warning_lines(plan):
        logger.warning("[%s] %s", plan.host, line)
