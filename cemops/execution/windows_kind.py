"""Windows machines: observed by one remote process, changed by one, verified by one more.

A Notification Server and a site server differ in what is desired of them; how they are read and changed is the same
(docs/windows-payload.md).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyinfra.api.host import Host

from cemops.execution.completed_change import COMPLETED_CHANGES
from cemops.execution.last_applications import remember_applications
from cemops.execution.machine_kind import Observation, Step
from cemops.execution.windows_desired import (
    Purposes,
    agent_site_of,
    agent_site_purposes,
    site_server_of,
    site_server_purposes,
)
from cemops.execution.windows_machine import WindowsMachine
from cemops.execution.windows_state.digest import windows_observation_digest
from cemops.execution.windows_state.recording import recordable
from cemops.execution.windows_state.request import state_request
from cemops.execution.windows_state.state import parse_state
from cemops.execution.windows_transaction import GatewaySide, HeldLock, WindowsTransaction
from cemops.model import topology
from cemops.model.host_lock import LockRequest
from cemops.model.site_servers import AgentConnectivityCredential
from cemops.model.windows_observed import ObservedWindows
from cemops.pki.server_certificates import make_server_certificate
from cemops.planning.windows.agent_site import plan_agent_site
from cemops.planning.windows.desired import local_account_name
from cemops.planning.windows.desired_firewall import desired_windows_firewall
from cemops.planning.windows.firewall import plan_windows_firewall
from cemops.planning.windows.host_fitness import judge_windows_host
from cemops.planning.windows.pending import plan_pending
from cemops.planning.windows.plan import WindowsPlan, merged
from cemops.planning.windows.site_server import plan_site_server

if TYPE_CHECKING:
    from cemops.execution.estate_context import EstateContext
    from cemops.execution.estate_run import EstateRun
    from cemops.execution.gateway_backup import BackupBeforeChange

WEB_SERVICES = ("W3SVC", "WAS", "HTTP")
"""What has to run for IIS to answer."""


class WindowsKind(ABC):
    """What all Windows machines have in common."""

    deploy: str
    record_kind = "windows"
    needs_iis = True

    @abstractmethod
    def want(self, context: EstateContext, name: str) -> dict[str, Any]:
        """Return the ``state`` request of one machine."""

    @abstractmethod
    def parts(self, run: EstateRun, name: str, observed: ObservedWindows) -> tuple[WindowsPlan, ...]:
        """Plan the machine's parts, in the order in which they are to be made."""

    @abstractmethod
    def purposes(self, context: EstateContext, name: str) -> Purposes:
        """Return the certificates that the machine needs."""

    def passwords(self, context: EstateContext, name: str) -> Mapping[str, str]:  # noqa: ARG002 - some machines have none
        """Return secret references of local accounts' passwords, by account."""
        return {}

    def settled(self, run: EstateRun, name: str, observed: ObservedWindows) -> None:
        """Take note of a machine that is as it should be; of most there is nothing to note."""
        del run, name, observed

    def gateway_side(self, run: EstateRun, host: Host) -> GatewaySide | None:
        """Return what a gateway needs in its transaction; other machines need nothing."""
        del run, host
        return None

    def backing_up(self, run: EstateRun, host: Host, report: Callable[[str], None]) -> BackupBeforeChange | None:
        """Return the backup that is taken before the machine is touched; of servers there is none."""
        del run, host, report
        return None

    def observe(self, run: EstateRun, host: Host) -> Observation:
        """Read the machine in one remote process."""
        return self.read(run, host)

    def lock(self, run: EstateRun, host: Host, wanted: LockRequest) -> Observation:
        """Take the machine's lock, then read it, in one remote process."""
        return self.read(run, host, wanted)

    def unlock(self, run: EstateRun, host: Host, token: str) -> None:  # noqa: ARG002 - other kinds need the run
        """Remove the lock with that token."""
        WindowsMachine(host).unlock(token)

    def read(self, run: EstateRun, host: Host, wanted: LockRequest | None = None) -> Observation:
        """Read the machine, locked first where somebody wants that."""
        machine = WindowsMachine(host)
        before = machine.costs
        request = self.want(run.context, host.name)
        state, failure = (machine.state(request), None) if wanted is None else machine.lock(wanted, request)
        observed = parse_state(state, datetime.now(UTC))
        after = machine.costs
        return Observation(
            observed,
            recordable(state),
            time.monotonic(),
            after.processes - before.processes,
            after.requests - (before.requests if before.processes else 0),  # the log-on was for the first one
            failure,
        )

    def plan(self, run: EstateRun, name: str, observed: ObservedWindows) -> WindowsPlan:
        """Plan one machine from what was observed."""
        return merged(
            (
                plan_pending(name, observed),
                judge_windows_host(observed, needs_iis=self.needs_iis),
                *self.parts(run, name, observed),
                plan_windows_firewall(desired_windows_firewall(run.context.estate, name), observed),
            )
        )

    def settle(self, run: EstateRun, host: Host) -> bool:
        """Confirm or undo what an earlier apply left; tell whether there was something."""
        observed: ObservedWindows = run.observe(host).observed
        if not observed.dead_men:
            return False
        run.recorder.begin(host.name)
        run.locks.take(host)
        observed = run.observe(host).observed
        run.recorder.note(host.name, plan_pending(host.name, observed).changes)
        self._transaction(run, host).settle(observed)
        run.forget(host)
        return True

    def steps(self, run: EstateRun, host: Host) -> Iterator[Step]:
        """Settle what an earlier apply left, make what PKI has to make, then apply, verify, confirm."""
        transaction = self._transaction(run, host)

        def settle() -> None:
            self.settle(run, host)

        if run.observe(host).observed.dead_men:
            yield Step("settle the change that waits for its confirmation", settle)
        plan = self.prepared(run, host, transaction.report)
        backup = self.backing_up(run, host, transaction.report)
        if not plan.is_empty:
            yield from backup.steps() if backup is not None else ()
            for step in transaction.steps(plan):
                run.forget(host)
                yield step
        self.settled(run, host.name, run.observe(host).observed)
        if backup is not None:
            backup.prune()

    def _transaction(self, run: EstateRun, host: Host) -> WindowsTransaction:
        def report(sentence: str) -> None:
            run.say(host.name, sentence)

        def left(seen: ObservedWindows) -> WindowsPlan:
            return self.plan(run, host.name, replace(seen, dead_men=()))

        def look_again() -> ObservedWindows:
            run.forget(host)
            found: ObservedWindows = run.observe(host).observed
            return found

        def reverted() -> None:
            run.stopped_by[self.deploy] = host.name

        return WindowsTransaction(
            run.context,
            WindowsMachine(host),
            self.purposes(run.context, host.name),
            self.passwords(run.context, host.name),
            report,
            left,
            look_again,
            reverted,
            HeldLock(lambda: run.locks.token(host), lambda: run.locks.removed(host)),
            self.gateway_side(run, host),
        )

    def digest(self, observed: ObservedWindows) -> str:
        """Return the digest of what matters in an observation."""
        return windows_observation_digest(observed)

    def from_record(self, record: Any) -> ObservedWindows:  # noqa: ANN401 - what a file holds
        """Read the machine's own answer again."""
        return parse_state(record, None)

    def prepared(self, run: EstateRun, host: Host, report: Callable[[str], None]) -> WindowsPlan:
        """Make the certificates that the plan asks for, and plan again with them."""
        observed = run.observe(host).observed
        plan = self.plan(run, host.name, observed)
        run.guard(host, plan)
        context, purposes = run.context, self.purposes(run.context, host.name)
        for purpose in plan.to_make:
            for sentence in make_server_certificate(
                context.estate, context.folder, purposes[purpose], context.secrets, run.now
            ):
                report(sentence)
        if plan.to_make:
            plan = self.plan(run, host.name, observed)
            run.guard(host, plan)
        return plan


class AgentSiteKind(WindowsKind):
    """A Notification Server: its CEM agent site (P-02), and the console's certificate where one is declared."""

    deploy = "agent_site"

    def want(self, context: EstateContext, name: str) -> dict[str, Any]:
        """Return the ``state`` request of an NS."""
        del context, name
        return state_request(services=WEB_SERVICES, registry=(COMPLETED_CHANGES,))

    def parts(self, run: EstateRun, name: str, observed: ObservedWindows) -> tuple[WindowsPlan, ...]:
        """Plan the agent site."""
        server = topology.notification_server(run.context.estate, name)
        return (plan_agent_site(agent_site_of(run.context, server), observed, run.now),)

    def purposes(self, context: EstateContext, name: str) -> Purposes:
        """Return the certificates of agent site and console."""
        return agent_site_purposes(topology.notification_server(context.estate, name))

    def settled(self, run: EstateRun, name: str, observed: ObservedWindows) -> None:
        """Remember the agent site's applications, for the next plan to compare with."""
        site_name = topology.notification_server(run.context.estate, name).agent_site.name
        for site in observed.sites:
            if site.name == site_name:
                remember_applications(run.context.folder, name, site.applications)


class SiteServerKind(WindowsKind):
    """A site server (P-04): its HTTP, HTTPS and CEM bindings, and its ACC account (SS-01)."""

    deploy = "site_servers"

    def want(self, context: EstateContext, name: str) -> dict[str, Any]:
        """Return the ``state`` request of a site server."""
        credential = self._credential(context, name)
        return state_request(
            registry=(COMPLETED_CHANGES,),
            services=WEB_SERVICES,
            accounts=() if credential is None else (local_account_name(credential.username),),
        )

    def parts(self, run: EstateRun, name: str, observed: ObservedWindows) -> tuple[WindowsPlan, ...]:
        """Plan the bindings and the account."""
        server = topology.site_server(run.context.estate, name)
        return (plan_site_server(site_server_of(run.context, server), observed, run.now),)

    def purposes(self, context: EstateContext, name: str) -> Purposes:
        """Return the certificates of the intranet HTTPS and the CEM binding."""
        return site_server_purposes(context, topology.site_server(context.estate, name))

    def passwords(self, context: EstateContext, name: str) -> Mapping[str, str]:
        """Return the reference of the ACC account's password."""
        credential = self._credential(context, name)
        return {} if credential is None else {local_account_name(credential.username): credential.password}

    def _credential(self, context: EstateContext, name: str) -> AgentConnectivityCredential | None:
        server = topology.site_server(context.estate, name)
        settings = topology.settings_of(context.estate, server.notification_server)
        return None if settings is None else settings.agent_connectivity_credential
