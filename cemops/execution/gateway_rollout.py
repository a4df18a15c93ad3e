"""One run over gateways: observes them all at once, plans each, and lets changes through one after another.

Shared by the stock pyinfra command and by ``cemops plan``/``apply``, so that both obey the same guards: change
windows, the lockout guard, and that a rolled-back gateway stops the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import gevent
from pyinfra import logger
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError, RefusedError
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_desired import desired_gateway, live_trust
from cemops.execution.gateway_state import GatewayState
from cemops.execution.ssh_connector import CheckedSSHConnector
from cemops.model import topology
from cemops.model.gateways import Gateway
from cemops.model.observed import ObservedGateway
from cemops.pki.gateway_materials import make_missing
from cemops.planning.change_window import closed_sentence
from cemops.planning.desired_gateway import UNIT
from cemops.planning.gateway import GatewayPlan, plan_gateway

FRESH_SECONDS = 60.0
"""An observation that is older than this is not acted on: the host is observed again before it is changed."""


@dataclass(frozen=True)
class Observation:
    """What one host was found to hold, when (monotonic seconds), and with how many remote commands."""

    observed: ObservedGateway
    lines: tuple[str, ...]
    taken: float
    round_trips: int


@dataclass
class GatewayRollout:
    """The state of one run."""

    context: EstateContext
    now: datetime
    lockout_accepted: frozenset[str] = frozenset()
    """Names of the gateways whose agents the operator has agreed to cut off."""
    stopped_by: str | None = None
    """Name of the gateway that was rolled back: the rest is left alone."""
    observations: dict[str, Observation] = field(default_factory=dict)
    unobserved: dict[str, CemopsError] = field(default_factory=dict)
    say: Callable[[str, str], None] = lambda host, sentence: logger.info("    [%s] %s", host, sentence)
    """Tells the operator what is being done on a host; on pyinfra's log where nothing else is set."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a host failed, by name."""
    changed: set[str] = field(default_factory=set)
    """Hosts whose turn has come: no other host's turn observes them again."""
    logged: set[str] = field(default_factory=set)
    refusals: list[RefusedError] = field(default_factory=list)

    def gateway(self, host: Host) -> Gateway:
        """Return the gateway that a host carries."""
        return topology.gateway(self.context.estate, host.name)

    def observe(self, host: Host, *, fresh: bool = False) -> Observation:
        """Return the host's observation, a new one where there is none (or, with ``fresh``, none young enough)."""
        found = self.observations.get(host.name)
        if found is not None and not (fresh and time.monotonic() - found.taken > FRESH_SECONDS):
            return found
        if host.name in self.unobserved:
            raise self.unobserved[host.name]
        observation = self._observe(host)
        self.observations[host.name] = observation
        return observation

    def observe_all(self, hosts: Iterable[Host]) -> None:
        """Observe hosts at the same time; one that fails does so again when its own turn comes, without a command."""
        known = {*self.observations, *self.unobserved, *self.changed}
        missing = [host for host in hosts if host.name not in known]
        gevent.joinall([gevent.spawn(self._observe_quietly, host) for host in missing])

    def forget(self, host: Host) -> None:
        """Drop what is known of a host: it was changed."""
        self.observations.pop(host.name, None)
        self.changed.add(host.name)

    def plan(self, host: Host) -> GatewayPlan:
        """Plan one host from its observation. Makes nothing. Raises CemopsError."""
        return self._plan_from(self.gateway(host), self.observe(host).observed)

    def plan_from_record(self, gateway: Gateway, observed: ObservedGateway) -> GatewayPlan:
        """Plan from a recorded observation, without a connection."""
        return self._plan_from(gateway, observed)

    def prepare(self, host: Host) -> tuple[str, ...]:
        """Make what PKI has to make for this gateway; return sentences of what was made."""
        observed = self.observe(host).observed
        live = live_trust(observed)
        return make_missing(
            self.context.estate,
            self.context.folder,
            self.gateway(host),
            self.context.secrets,
            self.now,
            live.certificate,
            live_key_matches=live.key_matches,
            live_authorities=live.authorities,
        )

    def guard(self, host: Host, plan: GatewayPlan) -> None:
        """Raise RefusedError where this host may not be changed now, HostError where its plan has errors."""
        if self.stopped_by is not None:
            raise HostError(
                host.name, f"left alone, because {self.stopped_by} was rolled back; see why, then run apply again"
            )
        if plan.errors:
            raise HostError(host.name, "; ".join(plan.errors))
        closed = closed_sentence(self.context.estate.change_windows, self.now)
        if closed:
            raise RefusedError(f"{host.name}: {closed}. Nothing was changed; run `cemops apply` then.")
        if plan.cut_off and host.name not in self.lockout_accepted:
            raise RefusedError(
                f"{host.name}: this would cut agents off, so it is not done by accident: {' | '.join(plan.cut_off)}. "
                "Replace the thumbprint in the policy first and wait (CE-05), or, knowing what it does, run `cemops "
                "apply --accept-lockout N`, N being the number of lines that `cemops plan` lists as cut off."
            )

    def _plan_from(self, gateway: Gateway, observed: ObservedGateway) -> GatewayPlan:
        live = live_trust(observed)
        desired = desired_gateway(self.context, gateway, observed, live, self.now)
        return plan_gateway(desired, observed, live, self.now)

    def _observe_quietly(self, host: Host) -> None:
        try:
            self.observations[host.name] = self._observe(host)
        except CemopsError as error:
            self.unobserved[host.name] = error
        except PyinfraError as error:
            self.unobserved[host.name] = HostError(host.name, str(error))

    def _observe(self, host: Host) -> Observation:
        gateway = self.gateway(host)
        before = _remote_commands(host)
        targets = topology.allow_list(self.context.estate, gateway)
        answer = host.get_fact(
            GatewayState,
            root=gateway.root,
            account=gateway.service.account or "",
            names=tuple(dict.fromkeys(target.host for target in targets)),
            fips=gateway.fips,
            unit=UNIT if gateway.service.manager == "systemd" else "",
            lab=topology.is_on_loopback(gateway),
        )
        if answer is None:
            raise HostError(host.name, _unobserved(host))
        observed = replace(answer.observed, observer_clock=datetime.now(UTC))
        return Observation(observed, answer.lines, time.monotonic(), _remote_commands(host) - before)


def _unobserved(host: Host) -> str:
    """Say why a host that is connected gave no answer, as far as it said so itself."""
    complaint = host.connector.last_complaint if isinstance(host.connector, CheckedSSHConnector) else ""
    if "password is required" in complaint or "sudo" in complaint:
        return f"the host could not be observed ({complaint}): become: sudo needs sudo without a password (NOPASSWD)"
    said = f" ({complaint})" if complaint else ""
    return f"the host could not be observed{said}: check that sh, coreutils and openssl are there"


def _remote_commands(host: Host) -> int:
    connector = host.connector
    return connector.remote_commands if isinstance(connector, CheckedSSHConnector) else 0
