"""Looks at a gateway as agents do: before a switch, in the rehearsal, and after the switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.model import topology
from cemops.model.gateways import Gateway
from cemops.pki.keyed_certificate import KeyedCertificate
from cemops.pki.probe_certificates import agent_certificate
from cemops.probe.opens import OpensResult, check_opens
from cemops.probe.streams import Stream, tcp_dial

DIAL_SECONDS = 10.0
"""How long one attempt may take."""


def outside_of(gateway: Gateway) -> Callable[[], Stream]:
    """Return how to dial a gateway from outside: ``public_address`` on ``listen.port``."""
    return tcp_dial(topology.dial_address(gateway), gateway.listen.port, timeout=DIAL_SECONDS)


@dataclass(frozen=True)
class AgentsView:
    """What an agent would see of one gateway, with the agents' certificates that can be had."""

    gateway: Gateway
    targets: tuple[str, ...]
    agents: tuple[KeyedCertificate, ...]
    missing: tuple[str, ...]
    """Why an agent's certificate cannot be had, a sentence for each Notification Server without one."""

    @classmethod
    def of(cls, context: EstateContext, gateway: Gateway) -> AgentsView:
        """Collect targets and agents' certificates."""
        targets = tuple(str(target) for target in topology.canonical_targets(context.estate, gateway))
        agents: list[KeyedCertificate] = []
        missing: list[str] = []
        for server in topology.served_notification_servers(context.estate, gateway):
            try:
                agent, reason = agent_certificate(context.estate, context.folder, server, context.secrets)
            except CemopsError as error:
                agent, reason = None, str(error)
            if agent is None:
                missing.append(f"{server}: {reason}")
            else:
                agents.append(agent)
        return cls(gateway, targets, tuple(agents), tuple(missing))

    def look(self, dial: Callable[[], Stream], thumbprint: str) -> OpensResult:
        """Check thumbprint, refusal of strangers, and tunnels; each further agent is tried with one target."""
        first, *others = self.agents or (None,)
        result = self._check(dial, thumbprint, first, self.targets)
        reachable = [target.target for target in result.targets if target.opened][:1]
        for agent in others:
            if reachable and not result.faults:
                result = _joined(result, self._check(dial, thumbprint, agent, reachable))
        return result

    def outside(self) -> Callable[[], Stream]:
        """Return how to dial the gateway from outside."""
        return outside_of(self.gateway)

    def _check(
        self, dial: Callable[[], Stream], thumbprint: str, agent: KeyedCertificate | None, targets: Sequence[str]
    ) -> OpensResult:
        return check_opens(
            dial,
            sni=self.gateway.fqdn,
            expected_thumbprint=thumbprint,
            agent=agent,
            targets=targets,
            timeout=DIAL_SECONDS,
        )


def _joined(one: OpensResult, other: OpensResult) -> OpensResult:
    return replace(
        one,
        ok=one.ok and other.ok,
        proven=one.proven and other.proven,
        faults=(*one.faults, *other.faults),
        targets=(*one.targets, *other.targets),
        details=(*one.details, *other.details),
    )
