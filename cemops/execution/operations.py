"""The pyinfra operations of cemops: one a host and deploy. Each calls the pure planner and yields its changes.

pyinfra runs an operation up to its first command when it prepares (``--dry``), and again, whole, when it executes. An
exception in an operation would end the run for all hosts, so every error becomes a failed command of its own host.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from typing import Any

from pyinfra import logger
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State, StateStage
from pyinfra.context import ctx_host, ctx_state

from cemops.errors import CemopsError, RefusedError, what_may_be_said
from cemops.execution.current_estate import current_context
from cemops.execution.gateway_host import GatewayHost
from cemops.execution.gateway_rollout import GatewayRollout
from cemops.execution.gateway_settling import settle_pending
from cemops.execution.gateway_transaction import GatewayTransaction
from cemops.planning.changes import HostPlan, host_status
from cemops.planning.gateway import GatewayPlan
from cemops.planning.unmanaged import unmanaged_hosts
from cemops.rendering.plan_text import change_lines, warning_lines

_ROLLOUT = "cemops_gateway_rollout"


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
        rollout = rollout_of(state)
        rollout.say(self._host.name, self._label)
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - an error inside cemops is this host's alone, too
            rollout.failures[self._host.name] = what_may_be_said(error)
            logger.error("%s%s", self._host.print_prefix, what_may_be_said(error))
            return False
        return True


@operation()
def internet_gateway() -> Generator[PyinfraCommand, None, None]:
    """Bring an Internet gateway on stock Apache httpd to what the estate declares (DESIGN.md, "Gateway on disk").

    A host that is no managed gateway of the estate is passed over. The plan is logged; nothing is yielded where
    nothing has to be done.
    """
    host: Host = ctx_host.get()
    state: State = ctx_state.get()
    if not host.data.get("cemops_gateway"):
        return
    rollout = rollout_of(state)
    try:
        if state.current_stage < StateStage.Execute:
            yield from _prepared(state, rollout, host)
        else:
            yield from _executed(state, rollout, host)
    except CemopsError as error:
        yield from _failing(state, rollout, host, error)
    except Exception as error:  # noqa: BLE001 - pyinfra would end the run for all hosts
        yield from _failing(state, rollout, host, CemopsError(what_may_be_said(error)))


def rollout_of(state: State) -> GatewayRollout:
    """Return the run's rollout; the stock command makes it from the estate that the inventory was read from."""
    found = getattr(state, _ROLLOUT, None)
    if found is None:
        found = GatewayRollout(current_context(), datetime.now(UTC))
        use_rollout(state, found)
        for unmanaged in unmanaged_hosts(found.context.estate):
            _log_warnings(unmanaged)
    return found


def use_rollout(state: State, rollout: GatewayRollout) -> None:
    """Let ``cemops apply`` hand its own rollout (with its observations and guards' answers) to the operation."""
    setattr(state, _ROLLOUT, rollout)


def _prepared(state: State, rollout: GatewayRollout, host: Host) -> Iterator[PyinfraCommand]:
    plan = rollout.plan(host)
    _log_plan(rollout, host, plan, diff=bool(state.config.DIFF))
    if plan.errors:
        raise CemopsError("; ".join(plan.errors))
    if plan.is_empty:
        return
    yield StepCommand(host, "change the gateway", lambda: None)


def _executed(state: State, rollout: GatewayRollout, host: Host) -> Iterator[PyinfraCommand]:
    rollout.observe_all(state.inventory.get_active_hosts())
    plan = rollout.plan(host)
    _log_plan(rollout, host, plan, diff=False)
    if plan.is_empty and not plan.errors:
        return
    rollout.guard(host, plan)
    observed = rollout.observe(host, fresh=True).observed
    gateway_host = GatewayHost(host, rollout.gateway(host), observed.httpd.binary if observed.httpd else "httpd")

    def report(sentence: str) -> None:
        rollout.say(host.name, sentence)

    def settle() -> None:
        report(settle_pending(rollout.context, gateway_host, observed))

    if observed.pending is not None:
        yield StepCommand(host, "settle the switch that waits for its confirmation", settle)
        rollout.forget(host)
    for sentence in rollout.prepare(host):
        report(sentence)
    plan = rollout.plan(host)
    rollout.guard(host, plan)
    transaction = GatewayTransaction(rollout.context, gateway_host, plan, rollout.observe(host).observed, report)
    for step in transaction.steps():
        rollout.forget(host)
        if transaction.switching:
            rollout.stopped_by = host.name
        yield StepCommand(host, step.label, step.run)
    if rollout.stopped_by == host.name:
        rollout.stopped_by = None


def _failing(state: State, rollout: GatewayRollout, host: Host, error: CemopsError) -> Iterator[PyinfraCommand]:
    if isinstance(error, RefusedError):
        rollout.refusals.append(error)
    if state.current_stage < StateStage.Execute:
        logger.error("%s%s", host.print_prefix, error)
        state.fail_hosts({host})
        return

    def fail() -> None:
        raise error

    yield StepCommand(host, "the gateway is left alone", fail)


def _log_plan(rollout: GatewayRollout, host: Host, plan: GatewayPlan, *, diff: bool) -> None:
    """Log a host's plan once a run: pyinfra calls the operation when it prepares and again when it executes."""
    if host.name in rollout.logged:
        return
    rollout.logged.add(host.name)
    for change in plan.changes:
        for line in change_lines(change, diff=diff):
            logger.info("%s%s", host.print_prefix, line)
    _log_warnings(HostPlan(host.name, host_status(plan.changes), plan.changes, plan.warnings))


def _log_warnings(plan: HostPlan) -> None:
    for line in warning_lines(plan):
        logger.warning("[%s] %s", plan.host, line)
