"""Linux gateways on stock Apache httpd, reached over SSH: observed by one shell command, changed in a transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from pydantic import SecretStr
from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError
from cemops.execution.gateway_backup import before_change
from cemops.execution.gateway_desired import desired_gateway, live_trust
from cemops.execution.gateway_fact import GatewayState
from cemops.execution.gateway_host import GatewayHost
from cemops.execution.gateway_settling import settle_pending
from cemops.execution.gateway_state import GatewayStateError, parse_gateway_state
from cemops.execution.gateway_transaction import GatewayTransaction
from cemops.execution.machine_kind import Observation, Step
from cemops.execution.observation_digest import digest_of
from cemops.execution.ssh_connector import CheckedSSHConnector
from cemops.model import topology
from cemops.model.host_lock import LIFETIME, LockRequest
from cemops.model.observed import ObservedGateway
from cemops.pki.gateway_materials import make_missing
from cemops.planning.desired_gateway import UNIT
from cemops.planning.gateway import GatewayPlan, plan_gateway

if TYPE_CHECKING:
    from cemops.execution.estate_run import EstateRun

_UNLOCK_SECONDS = 15
"""A lock that cannot be removed expires."""


class GatewayKind:
    """A gateway with layout ``httpd`` on Linux (DESIGN.md, "Gateway on disk")."""

    deploy = "gateway"
    record_kind = "gateway"

    def observe(self, run: EstateRun, host: Host) -> Observation:
        """Read the gateway in one remote command."""
        return self._observation(run, host)

    def lock(self, run: EstateRun, host: Host, wanted: LockRequest) -> Observation:
        """Take the gateway's lock, then read it, in one remote command."""
        seconds = int(LIFETIME.total_seconds())
        return self._observation(run, host, (wanted.token, wanted.store, str(seconds), wanted.owner))

    def unlock(self, run: EstateRun, host: Host, token: str) -> None:
        """Remove the lock with that token."""
        gateway = topology.gateway(run.context.estate, host.name)
        GatewayHost(host, gateway, "httpd").run("unlock", [token], seconds=_UNLOCK_SECONDS)

    def _observation(self, run: EstateRun, host: Host, lock: tuple[str, ...] = ()) -> Observation:
        estate = run.context.estate
        gateway = topology.gateway(estate, host.name)
        before = _remote_commands(host)
        answer = host.get_fact(
            GatewayState,
            root=gateway.root,
            account=gateway.service.account or "",
            names=tuple(dict.fromkeys(target.host for target in topology.allow_list(estate, gateway))),
            fips=gateway.fips,
            unit=UNIT if gateway.service.manager == "systemd" else "",
            lab=topology.is_on_loopback(gateway),
            lock=lock,
        )
        if answer is None:
            raise HostError(host.name, _unobserved(host))
        if answer.lock_failure is not None:
            raise HostError(host.name, f"it could not be locked, and was left alone: {answer.lock_failure}")
        observed = replace(answer.observed, observer_clock=datetime.now(UTC))
        return Observation(observed, list(answer.lines), time.monotonic(), _remote_commands(host) - before)

    def plan(self, run: EstateRun, name: str, observed: ObservedGateway) -> GatewayPlan:
        """Plan one gateway from what was observed."""
        gateway = topology.gateway(run.context.estate, name)
        live = live_trust(observed)
        desired = desired_gateway(run.context, gateway, observed, live, run.now)
        return plan_gateway(desired, observed, live, run.now)

    def settle(self, run: EstateRun, host: Host) -> bool:
        """Settle nothing yet, the first of the steps does: a switch that is live has cut off whom it cuts off."""
        del run, host
        return False

    def steps(self, run: EstateRun, host: Host) -> Iterator[Step]:
        """Settle what an earlier apply left, make what PKI has to make, back up (IG-11), then the transaction."""
        observed: ObservedGateway = run.observe(host).observed
        gateway = topology.gateway(run.context.estate, host.name)
        gateway_host = GatewayHost(host, gateway, observed.httpd.binary if observed.httpd else "httpd")

        def report(sentence: str) -> None:
            run.say(host.name, sentence)

        def settle() -> None:
            report(settle_pending(run.context, gateway_host, observed, run.gate))

        if observed.pending is not None:
            yield Step("settle the switch that waits for its confirmation", settle)
            run.forget(host)
            if run.gate is not None:
                yield Step("look at it as agents do", partial(run.gate.before, [host.name]))
        for sentence in self._prepare(run, host):
            report(sentence)
        observed = run.observe(host).observed
        plan = self.plan(run, host.name, observed)
        run.guard(host, plan)
        backup = before_change(run.context, gateway_host, observed, report)
        if not plan.is_empty:
            yield from backup.steps()
        transaction = GatewayTransaction(run.context, gateway_host, plan, observed, report, run.gate, self._key())
        for step in transaction.steps():
            run.forget(host)
            if transaction.serving:
                run.stopped_by[self.deploy] = host.name
            yield step
        if run.stopped_by.get(self.deploy) == host.name:
            del run.stopped_by[self.deploy]
        backup.prune()

    def digest(self, observed: ObservedGateway) -> str:
        """Return the digest of what matters; the host's clock and pids move by themselves."""
        return digest_of(
            {
                "current": observed.current,
                "live": dict(sorted(observed.live_files.items())),
                "certificate": observed.certificate.pem if observed.certificate else None,
                "releases": {
                    name: {file: f.sha256 for file, f in files.items()} for name, files in observed.releases.items()
                },
                "running": observed.service.running,
                "loaded": observed.service.loaded,
                "pending": observed.pending.token if observed.pending else None,
                "unit": observed.service.unit,
                "account": observed.account_exists,
            }
        )

    def from_record(self, record: Sequence[str]) -> ObservedGateway:
        """Read the host's own lines again."""
        try:
            return parse_gateway_state(list(record))
        except GatewayStateError as error:
            raise CemopsError(str(error)) from None

    def _key(self) -> SecretStr | None:
        """Return the key to deliver, where it is not PKI's."""
        return None

    def _prepare(self, run: EstateRun, host: Host) -> tuple[str, ...]:
        """Make what PKI has to make for this gateway; return sentences of what was made."""
        return self._make_missing(run, host)

    def _make_missing(self, run: EstateRun, host: Host, *, with_certificate: bool = True) -> tuple[str, ...]:
        live = live_trust(run.observe(host).observed)
        return make_missing(
            run.context.estate,
            run.context.folder,
            topology.gateway(run.context.estate, host.name),
            run.context.secrets,
            run.now,
            live.certificate,
            live_key_matches=live.key_matches,
            live_authorities=live.authorities,
            with_certificate=with_certificate,
        )


def _remote_commands(host: Host) -> int:
    connector = host.connector
    return connector.remote_commands if isinstance(connector, CheckedSSHConnector) else 0


def _unobserved(host: Host) -> str:
    """Say why a host that is connected gave no answer, as far as it said so itself."""
    complaint = host.connector.last_complaint if isinstance(host.connector, CheckedSSHConnector) else ""
    if "password is required" in complaint or "sudo" in complaint:
        return f"the host could not be observed ({complaint}): become: sudo needs sudo without a password (NOPASSWD)"
    said = f" ({complaint})" if complaint else ""
    return f"the host could not be observed{said}: check that sh, coreutils and openssl are there"
