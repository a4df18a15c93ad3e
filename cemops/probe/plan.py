"""From what is known of a gateway to the list of checks. Pure: nothing is dialled here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.probe.checks import CheckId
from cemops.probe.destinations import (
    UNLISTED_NAME,
    cross_pairs,
    ip_addresses,
    port_prefixes,
    unlisted_hosts,
    unlisted_ports,
)
from cemops.probe.streams import endpoint_text
from cemops.probe.subject import Missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.probe.subject import NotificationServerAgents, ProbeSubject, ProbeTarget


@dataclass(frozen=True)
class Tunnel:
    """Ask for a tunnel, with a certificate or None, under a server name or None."""

    credential: KeyedCertificate | None
    sni: str | None


@dataclass(frozen=True)
class InnerHandshake:
    """Ask for a tunnel and do the inner TLS with ``host``, verified where ``authorities`` are known."""

    credential: KeyedCertificate
    host: str
    authorities: tuple[str, ...] | Missing


@dataclass(frozen=True)
class PlainRequest:
    """Send ``request`` instead of a CONNECT; ``credential`` None sends it without TLS."""

    credential: KeyedCertificate | None
    request: bytes


@dataclass(frozen=True)
class Resumption:
    """Try to come back with a session: the good agent, and the revoked one."""

    good: KeyedCertificate | Missing
    revoked: KeyedCertificate | Missing


Attempt = Tunnel | InnerHandshake | PlainRequest | Resumption


@dataclass(frozen=True)
class PlannedCheck:
    """One check. ``attempt`` is Missing where what it needs cannot be had."""

    check: CheckId
    target: str
    attempt: Attempt | Missing


def plan_checks(subject: ProbeSubject) -> tuple[PlannedCheck, ...]:
    """Plan every check of one gateway but the thumbprint's, which is made first and alone."""
    return (
        *_tunnels(subject),
        *_inner_handshakes(subject),
        *_destinations(subject),
        *_without_certificate(subject),
        *_refused_agents(subject),
        *_requests(subject),
    )


def _tunnels(subject: ProbeSubject) -> Iterator[PlannedCheck]:
    for target in subject.targets:
        agent = subject.agent_for(target)
        attempt = agent if isinstance(agent, Missing) else Tunnel(agent, subject.fqdn)
        yield PlannedCheck(CheckId.TUNNEL_ALLOWED, str(target), attempt)


def _inner_handshakes(subject: ProbeSubject) -> Iterator[PlannedCheck]:
    for target in subject.targets:
        if target.canonical:
            agent = subject.agent_for(target)
            attempt = (
                agent if isinstance(agent, Missing) else InnerHandshake(agent, target.host, target.inner_authorities)
            )
            yield PlannedCheck(CheckId.INNER_TLS, str(target), attempt)


def _destinations(subject: ProbeSubject) -> Iterator[PlannedCheck]:
    targets = subject.targets
    destinations: tuple[tuple[CheckId, tuple[str, ...] | Missing], ...] = (
        (CheckId.UNLISTED_HOST, unlisted_hosts(targets)),
        (CheckId.UNLISTED_PORT, unlisted_ports(targets)),
        (CheckId.CROSS_PAIR, cross_pairs(targets)),
        (CheckId.PORT_PREFIX, port_prefixes(targets)),
        (CheckId.IP_ADDRESS, ip_addresses(targets)),
    )
    agent = subject.any_agent()
    for check, places in destinations:
        if isinstance(places, Missing):
            yield PlannedCheck(check, str(targets[0]), places)
            continue
        for place in places:
            yield PlannedCheck(check, place, agent if isinstance(agent, Missing) else Tunnel(agent, subject.fqdn))


def _without_certificate(subject: ProbeSubject) -> Iterator[PlannedCheck]:
    """Knock under every name a second virtual host might have: the port must ask all for a certificate."""
    first = str(subject.targets[0])
    yield PlannedCheck(CheckId.NO_CERTIFICATE, first, Tunnel(None, subject.fqdn))
    for target in _first_of_each_host(subject.targets):
        yield PlannedCheck(CheckId.NO_CERTIFICATE, str(target), Tunnel(None, target.host))
    for name in (None, UNLISTED_NAME, "localhost"):
        yield PlannedCheck(CheckId.NO_CERTIFICATE, first, Tunnel(None, name))


def _first_of_each_host(targets: Iterable[ProbeTarget]) -> Iterator[ProbeTarget]:
    seen: set[str] = set()
    for target in targets:
        if target.host not in seen:
            seen.add(target.host)
            yield target


def _refused_agents(subject: ProbeSubject) -> Iterator[PlannedCheck]:
    def knock(check: CheckId, target: str, credential: KeyedCertificate | Missing) -> PlannedCheck:
        attempt = credential if isinstance(credential, Missing) else Tunnel(credential, subject.fqdn)
        return PlannedCheck(check, target, attempt)

    yield knock(CheckId.UNKNOWN_CA, str(subject.targets[0]), subject.unknown)
    for one in subject.agents:
        yield knock(CheckId.REVOKED, str(subject.target_of(one.notification_server)), one.revoked)
    for one in subject.agents:
        target = str(subject.target_of(one.notification_server))
        yield PlannedCheck(CheckId.REVOKED_RESUMED, target, _resumption(one))
    for one in subject.agents:
        yield knock(CheckId.EXPIRED, str(subject.target_of(one.notification_server)), one.expired)


def _resumption(agents: NotificationServerAgents) -> Attempt | Missing:
    if isinstance(agents.agent, Missing) and isinstance(agents.revoked, Missing):
        return Missing(agents.revoked.reason)
    return Resumption(agents.agent, agents.revoked)


def _requests(subject: ProbeSubject) -> Iterator[PlannedCheck]:
    agent = subject.any_agent()
    own = endpoint_text(subject.fqdn, subject.port)
    for place in ("/", f"http://{subject.targets[0]}/"):
        attempt = agent if isinstance(agent, Missing) else PlainRequest(agent, _get(place, own))
        yield PlannedCheck(CheckId.PLAIN_GET, f"GET {place}", attempt)
    yield PlannedCheck(CheckId.PLAIN_GET, "GET / (without TLS)", PlainRequest(None, _get("/", own)))


def _get(place: str, host: str) -> bytes:
    return f"GET {place} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii")
