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

    ``canonical``: the server's own name, the one its certificate must carry (C-08). ``authority``:
    whose agents use this server. ``address``: the server's IP address, if the estate knows it.
    ``inner_authorities``: PEM of what its certificate must be signed by, or why that is not known.
    """

    host: str
    port: int
    canonical: bool
    authority: str
    address: str | None = None
    inner_authorities: tuple[str, ...] | Missing = Missing("no authority is known")

    def __str__(self) -> str:
        return endpoint_text(self.host, self.port)


@dataclass(frozen=True)
class AuthorityAgents:
    """The agents of one authority that the probe may play."""

    authority: str
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
    agents: tuple[AuthorityAgents, ...]
    unknown: KeyedCertificate | Missing

    def any_agent(self) -> KeyedCertificate | Missing:
        """Give an agent that must get in: the first there is, else why there is none."""
        reasons: list[str] = []
        for one in self.agents:
            if not isinstance(one.agent, Missing):
                return one.agent
            reasons.append(one.agent.reason)
        return Missing("; ".join(dict.fromkeys(reasons)) or "no authority's agents are let in")

    def agent_for(self, target: ProbeTarget) -> KeyedCertificate | Missing:
        """Give an agent of the target's own authority, else any: the gateway lets every known agent in."""
        for one in self.agents:
            if one.authority == target.authority and not isinstance(one.agent, Missing):
                return one.agent
        return self.any_agent()

    def target_of(self, authority: str) -> ProbeTarget:
        """Give a target that the agents of ``authority`` use."""
        own = [target for target in self.targets if target.authority == authority]
        return (own or list(self.targets))[0]
