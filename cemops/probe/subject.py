"""What a probe needs to know of a gateway: where it is, what it lets through, who may be played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.probe.streams import endpoint_text

if TYPE_CHECKING:
    from cemops.pki.keyed_certificate import KeyedCertificate


@dataclass(frozen=True)
class Missing:
    """Something cannot be had; ``reason`` is a sentence that says why and what would help."""

    reason: str


@dataclass(frozen=True)
class ProbeTarget:
    """One entry of the allow-list (IG-02).

    ``canonical``: the server's own name, the one its certificate must carry (C-08). ``notification_server``:
    whose agents use it. ``address``: its IP address, if the estate knows it. ``inner_authorities``: PEM of
    what its certificate must be signed by, or why that is not known.
    """

    host: str
    port: int
    canonical: bool
    notification_server: str
    address: str | None = None
    inner_authorities: tuple[str, ...] | Missing = Missing("no authority is known")

    def __str__(self) -> str:
        return endpoint_text(self.host, self.port)


@dataclass(frozen=True)
class NotificationServerAgents:
    """The agents of one Notification Server that the probe may play."""

    notification_server: str
    agent: KeyedCertificate | Missing
    revoked: KeyedCertificate | Missing
    expired: KeyedCertificate | Missing


@dataclass(frozen=True)
class ProbeSubject:
    """One gateway. ``thumbprint``: what agents pin (IG-06), SHA-1 or SHA-256. ``targets`` is never empty."""

    gateway: str
    address: str
    port: int
    fqdn: str
    thumbprint: str | Missing
    targets: tuple[ProbeTarget, ...]
    agents: tuple[NotificationServerAgents, ...]
    unknown: KeyedCertificate | Missing

    def any_agent(self) -> KeyedCertificate | Missing:
        """Give an agent that must get in: the first there is, else why there is none."""
        reasons: list[str] = []
        for one in self.agents:
            if not isinstance(one.agent, Missing):
                return one.agent
            reasons.append(one.agent.reason)
        return Missing("; ".join(dict.fromkeys(reasons)) or "no Notification Server's agents are let in")

    def agent_for(self, target: ProbeTarget) -> KeyedCertificate | Missing:
        """Give an agent of the target's own NS, else any: the gateway lets every known agent in."""
        for one in self.agents:
            if one.notification_server == target.notification_server and not isinstance(one.agent, Missing):
                return one.agent
        return self.any_agent()

    def target_of(self, notification_server: str) -> ProbeTarget:
        """Give a target that the agents of ``notification_server`` use."""
        own = [target for target in self.targets if target.notification_server == notification_server]
        return (own or list(self.targets))[0]
