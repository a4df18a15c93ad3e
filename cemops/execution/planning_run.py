"""``cemops plan``: observe every host at the same time, plan each, connect to nothing twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import gevent
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError, UsageError, what_may_be_said
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_rollout import GatewayRollout
from cemops.execution.session import Session
from cemops.model import topology
from cemops.model.estate import Estate
from cemops.model.observed import ObservedGateway
from cemops.planning.changes import HostPlan, HostStatus, Plan, host_status
from cemops.planning.gateway import GatewayPlan
from cemops.planning.unmanaged import is_managed_gateway, perimeter_firewalls, unmanaged_hosts, unmanaged_of_gateway

Report = Callable[[str], None]


def wanted_hosts(estate: Estate, limit: Sequence[str]) -> tuple[str, ...]:
    """Return the machines that ``--limit`` names (all without one), in the order of the estate.

    Names are hosts or groups (section names). Raises UsageError for a name that is neither.
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
    if not limit:
        return every
    chosen = {name for wanted in limit for name in groups.get(wanted, (wanted,))}
    return tuple(name for name in every if name in chosen)


def managed_hosts(estate: Estate, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the machines that a deploy manages."""
    managed = {gateway.name for gateway in estate.gateways if is_managed_gateway(gateway)}
    return tuple(name for name in names if name in managed)


def plan_session(rollout: GatewayRollout, session: Session, names: Sequence[str], report: Report) -> Plan:
    """Plan the named hosts of a session; the unreachable and the unmanaged are in the plan, too."""
    found: dict[str, HostPlan] = {
        name: HostPlan(name, HostStatus.UNREACHABLE, error=error) for name, error in session.errors.items()
    }

    def plan_one(host: Host) -> None:
        found[host.name] = _plan_host(rollout, host)
        report(f"{host.name}: {found[host.name].status}")

    gevent.joinall([gevent.spawn(plan_one, host) for host in session.hosts], raise_error=True)
    digests = {name: observation_digest(seen.observed) for name, seen in rollout.observations.items()}
    return assemble(rollout.context, rollout.now, names, found, digests)


def observe_session(
    rollout: GatewayRollout, session: Session, report: Report
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Observe every host of a session; return the lines of each, and why there are none for the others."""
    rollout.observe_all(session.hosts)
    found: dict[str, list[str]] = {}
    errors = dict(session.errors)
    for host in session.hosts:
        observation = rollout.observations.get(host.name)
        if observation is None:
            errors[host.name] = str(rollout.unobserved[host.name])
        else:
            found[host.name] = list(observation.lines)
        report(f"{host.name}: {'observed' if observation else 'failed'}")
    return found, errors


def plan_record(rollout: GatewayRollout, record: Mapping[str, ObservedGateway], names: Sequence[str]) -> Plan:
    """Plan from a record of observations, without a connection."""
    found = {
        gateway.name: _host_plan(gateway.name, partial(rollout.plan_from_record, gateway, record[gateway.name]), 0)
        for gateway in rollout.context.estate.gateways
        if gateway.name in record and is_managed_gateway(gateway)
    }
    for name in managed_hosts(rollout.context.estate, names):
        if name not in found:
            found[name] = HostPlan(name, HostStatus.ERROR, error="the record of observations does not hold this host")
    digests = {name: observation_digest(observed) for name, observed in record.items()}
    return assemble(rollout.context, rollout.now, names, found, digests)


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
    hosts = tuple(plans[name] for name in names if name in plans)
    observed_digest = _digest({host.host: digests.get(host.host, "") for host in hosts})
    created = now.isoformat(timespec="seconds")
    identity = _digest({"observed": observed_digest, "created": created, "changes": repr(hosts)})
    return Plan(context.estate.estate, identity.removeprefix("sha256:")[:12], created, hosts, observed_digest)


def _with_unmanaged(estate: Estate, plan: HostPlan) -> HostPlan:
    """Name what no deploy manages in the plan of a host that could not be planned, too."""
    known = {change.id for change in plan.changes}
    missing = (change for change in unmanaged_of_gateway(topology.gateway(estate, plan.host)) if change.id not in known)
    return replace(plan, changes=(*plan.changes, *missing))


def observation_digest(observed: ObservedGateway) -> str:
    """Return the digest of what matters in an observation; the host's clock and pids move by themselves."""
    parts = {
        "current": observed.current,
        "live": dict(sorted(observed.live_files.items())),
        "certificate": observed.certificate.pem if observed.certificate else None,
        "releases": {name: {file: f.sha256 for file, f in files.items()} for name, files in observed.releases.items()},
        "running": observed.service.running,
        "loaded": observed.service.loaded,
        "pending": observed.pending.token if observed.pending else None,
        "unit": observed.service.unit,
        "account": observed.account_exists,
    }
    return _digest(parts)


def _digest(parts: object) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _plan_host(rollout: GatewayRollout, host: Host) -> HostPlan:
    try:
        return _observed_plan(rollout, host)
    except Exception as error:  # noqa: BLE001 - an error inside cemops is this host's alone, too
        return HostPlan(host.name, HostStatus.ERROR, error=what_may_be_said(error))


def _observed_plan(rollout: GatewayRollout, host: Host) -> HostPlan:
    def make() -> GatewayPlan:
        return rollout.plan(host)

    try:
        observation = rollout.observe(host)
    except HostError as error:
        status = HostStatus.UNREACHABLE if error.unreachable else HostStatus.ERROR
        return HostPlan(host.name, status, error=str(error))
    except (CemopsError, PyinfraError) as error:
        return HostPlan(host.name, HostStatus.ERROR, error=str(error))
    return _host_plan(host.name, make, observation.round_trips)


def _host_plan(name: str, make: Callable[[], GatewayPlan], round_trips: int) -> HostPlan:
    try:
        plan = make()
    except CemopsError as error:
        return HostPlan(name, HostStatus.ERROR, error=str(error), round_trips=round_trips)
    return HostPlan(
        name,
        HostStatus.ERROR if plan.errors else host_status(plan.changes),
        changes=plan.changes,
        warnings=plan.warnings,
        error="; ".join(plan.errors) or None,
        round_trips=round_trips,
        cut_off=plan.cut_off,
    )
