"""``cemops plan``: observe every host at the same time, plan each, connect to nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import gevent
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError, UsageError, what_may_be_said
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_run import EstateRun
from cemops.execution.machine_kind import Observation
from cemops.execution.observation_digest import digest_of
from cemops.execution.session import Session
from cemops.model.estate import Estate
from cemops.planning.changes import Change, HostPlan, HostStatus, MachinePlan, Plan, PlanWarning, host_status
from cemops.planning.intent import classified, intent_unknown
from cemops.planning.managed import Deploy, managed_machines
from cemops.planning.unmanaged import perimeter_firewalls, unmanaged_hosts, unmanaged_of_gateway

Report = Callable[[str], None]


def wanted_hosts(estate: Estate, limit: Sequence[str], deploy: Deploy | None = None) -> tuple[str, ...]:
    """Return the machines that ``--limit`` names (all without one), in the order of the estate.

    Names are hosts or groups (section names); with ``deploy``, only the machines that it manages. Raises UsageError
    for a name that is neither host nor group.
    """
    groups = {
        "gateways": tuple(gateway.name for gateway in estate.gateways),
        "notification_servers": tuple(server.name for server in estate.notification_servers),
        "site_servers": tuple(server.name for server in estate.site_servers),
        "perimeter": tuple(name for _, name in perimeter_firewalls(estate)),
        "security_manager_plus": tuple(server.name for server in estate.security_manager_plus),
    }
    every = tuple(name for names in groups.values() for name in names)
    unknown = [name for name in limit if name not in groups and name not in every]
    if unknown:
        raise UsageError(
            f"--limit names {', '.join(unknown)}, which is no host and no group of the estate; hosts: "
            f"{', '.join(every)}; groups: {', '.join(groups)}"
        )
    chosen = {name for wanted in limit for name in groups.get(wanted, (wanted,))}
    named = tuple(name for name in every if name in chosen) if limit else every
    return named if deploy is None else managed_hosts(estate, named, deploy)


def managed_hosts(estate: Estate, names: Iterable[str], deploy: Deploy | None = None) -> tuple[str, ...]:
    """Return those of the machines that a deploy manages (the named one, or any)."""
    managed = managed_machines(estate)
    return tuple(name for name in names if name in managed and deploy in (None, managed[name]))


def plan_session(run: EstateRun, session: Session, names: Sequence[str], report: Report) -> Plan:
    """Plan the named hosts of a session; the unreachable and the unmanaged are in the plan, too."""
    found: dict[str, HostPlan] = {
        name: HostPlan(name, HostStatus.UNREACHABLE, error=error) for name, error in session.errors.items()
    }

    def plan_one(host: Host) -> None:
        found[host.name] = _plan_host(run, host)
        report(f"{host.name}: {found[host.name].status}")

    gevent.joinall([gevent.spawn(plan_one, host) for host in session.hosts], raise_error=True)
    digests = {name: run.kind(name).digest(seen.observed) for name, seen in run.observations.items()}
    return assemble(run.context, run.now, names, found, digests)


def observe_session(run: EstateRun, session: Session, report: Report) -> tuple[dict[str, Any], dict[str, str]]:
    """Observe every host of a session; return what each answered, and why there is nothing of the others."""
    run.observe_all(session.hosts)
    found: dict[str, Any] = {}
    errors = dict(session.errors)
    for host in session.hosts:
        observation = run.observations.get(host.name)
        if observation is None:
            errors[host.name] = str(run.unobserved[host.name])
        else:
            found[host.name] = observation.record
        report(f"{host.name}: {'observed' if observation else 'failed'}")
    return found, errors


def plan_record(run: EstateRun, record: Mapping[str, Any], names: Sequence[str]) -> Plan:
    """Plan from a record of observations (by host, each kind's own data), without a connection."""
    found = {
        name: _host_plan(run, name, partial(run.plan_from, name, record[name]), Observation(record[name], None, 0.0, 0))
        if name in record
        else HostPlan(name, HostStatus.ERROR, error="the record of observations does not hold this host")
        for name in managed_hosts(run.context.estate, names)
    }
    digests = {name: run.kind(name).digest(record[name]) for name in found if name in record}
    return assemble(run.context, run.now, names, found, digests)


def assemble(
    context: EstateContext,
    now: datetime,
    names: Sequence[str],
    found: Mapping[str, HostPlan],
    digests: Mapping[str, str],
) -> Plan:
    """Put the hosts' plans together, in the order of the estate."""
    plans = {plan.host: plan for plan in unmanaged_hosts(context.estate)}
    plans |= {name: _with_unmanaged(context.estate, plan) for name, plan in found.items()}
    hosts = tuple(replace(plans[name], observed_digest=digests.get(name, "")) for name in names if name in plans)
    observed_digest = digest_of({host.host: digests.get(host.host, "") for host in hosts})
    created = now.isoformat(timespec="seconds")
    identity = digest_of({"observed": observed_digest, "created": created, "changes": repr(hosts)})
    return Plan(context.estate.estate, identity.removeprefix("sha256:")[:12], created, hosts, observed_digest)


def _with_unmanaged(estate: Estate, plan: HostPlan) -> HostPlan:
    """Name what no deploy manages in the plan of a host that could not be planned, too."""
    gateway = next((one for one in estate.gateways if one.name == plan.host), None)
    if gateway is None:
        return plan
    known = {change.id for change in plan.changes}
    missing = (change for change in unmanaged_of_gateway(gateway) if change.id not in known)
    return replace(plan, changes=(*plan.changes, *missing))


def _plan_host(run: EstateRun, host: Host) -> HostPlan:
    try:
        return _observed_plan(run, host)
    except Exception as error:  # noqa: BLE001 - an error inside cemops is this host's alone, too
        return HostPlan(host.name, HostStatus.ERROR, error=what_may_be_said(error))


def _observed_plan(run: EstateRun, host: Host) -> HostPlan:
    def make() -> MachinePlan:
        return run.plan(host)

    try:
        observation = run.observe(host)
    except HostError as error:
        status = HostStatus.UNREACHABLE if error.unreachable else HostStatus.ERROR
        return HostPlan(host.name, status, error=str(error))
    except (CemopsError, PyinfraError) as error:
        return HostPlan(host.name, HostStatus.ERROR, error=str(error))
    return _host_plan(run, host.name, make, observation)


def _host_plan(run: EstateRun, name: str, make: Callable[[], MachinePlan], observation: Observation) -> HostPlan:
    host = HostPlan(
        name, HostStatus.ERROR, round_trips=observation.round_trips, http_requests=observation.http_requests
    )
    try:
        plan = make()
    except CemopsError as error:
        return replace(host, error=str(error))
    changes, warnings = _with_intents(run, name, plan, observation.observed)
    cut_off, unknown = _cut_off_by_policies(run, name)
    warnings = warnings or unknown
    return replace(
        host,
        status=HostStatus.ERROR if plan.errors else host_status(plan.changes),
        changes=changes,
        warnings=(*plan.warnings, *warnings, *run.lock_warnings(observation.observed)),
        error="; ".join(plan.errors) or None,
        cut_off=(*plan.cut_off, *cut_off),
        refusals=plan.refusals,
    )


def _cut_off_by_policies(run: EstateRun, name: str) -> tuple[tuple[str, ...], tuple[PlanWarning, ...]]:
    try:
        return run.cut_off_by_policies(name), ()
    except CemopsError as error:
        return (), (intent_unknown(error.message),)


def _with_intents(
    run: EstateRun,
    name: str,
    plan: MachinePlan,
    observed: Any,  # noqa: ANN401 - each kind's own data
) -> tuple[tuple[Change, ...], tuple[PlanWarning, ...]]:
    """Tell drift from intention; where the record of the last apply is out of reach say so, and tell neither."""
    if all(change.by_operator for change in plan.changes):
        return plan.changes, ()  # nobody asks the store for nothing
    try:
        return classified(plan.changes, run.earlier_changes(name, observed)), ()
    except CemopsError as error:
        return plan.changes, (intent_unknown(error.message),)
