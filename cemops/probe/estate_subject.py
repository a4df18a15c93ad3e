"""From the estate and its PKI to the subject of a probe. Reads files and secrets; makes and dials nothing.

What cannot be had becomes a Missing with its reason, so that every check that can be made without it
still is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.errors import PkiError, SecretError
from cemops.model import topology
from cemops.model.certificate_sources import IssuedBy, StoredCertificate
from cemops.pki.authorities import authority_certificate
from cemops.pki.gateway_certificate import certificate_material, recorded_live
from cemops.pki.probe_certificates import ProbeCertificates, probe_certificates
from cemops.probe.streams import is_ip_address
from cemops.probe.subject import Missing, NotificationServerAgents, ProbeSubject, ProbeTarget

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.secret_store import SecretStore


@dataclass(frozen=True)
class EstateSide:
    """The operator's side: the estate, the folder of its file, its secrets, and the time (aware, UTC)."""

    estate: Estate
    folder: Path
    secrets: SecretStore
    now: datetime


def probe_subject(side: EstateSide, gateway: Gateway, thumbprint: str | None = None) -> ProbeSubject:
    """Say what to probe of ``gateway``; ``thumbprint`` replaces the one that is known or declared.

    Raises UnknownNameError where the gateway has no address or lists an unknown server.
    """
    served = topology.served_notification_servers(side.estate, gateway)
    certificates = {name: _certificates(side, gateway, name) for name in served}
    return ProbeSubject(
        gateway=gateway.name,
        address=topology.dial_address(gateway),
        port=gateway.listen.port,
        fqdn=gateway.fqdn,
        thumbprint=thumbprint or _expected_thumbprint(side, gateway),
        targets=_targets(side, gateway),
        agents=tuple(_agents(name, certificates[name]) for name in _one_for_each_authority(side.estate, served)),
        unknown=_unknown(tuple(certificates.values())),
    )


def _one_for_each_authority(estate: Estate, served: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out a Notification Server whose authority another one has brought in: its agents are the same."""
    first: dict[str, str] = {}
    for name in served:
        first.setdefault(topology.notification_server(estate, name).root_authority, name)
    return tuple(first.values())


def _certificates(side: EstateSide, gateway: Gateway, name: str) -> ProbeCertificates | Missing:
    try:
        return probe_certificates(side.estate, side.folder, gateway, name, side.secrets, side.now)
    except (PkiError, SecretError) as error:
        return Missing(error.message)


def _agents(name: str, certificates: ProbeCertificates | Missing) -> NotificationServerAgents:
    if isinstance(certificates, Missing):
        return NotificationServerAgents(name, certificates, certificates, certificates)
    return NotificationServerAgents(
        name,
        agent=_had(certificates.agent, certificates.agent_reason),
        revoked=_had(certificates.revoked, certificates.revoked_reason),
        expired=_had(certificates.expired, certificates.expired_reason),
    )


def _unknown(certificates: tuple[ProbeCertificates | Missing, ...]) -> KeyedCertificate | Missing:
    for one in certificates:
        if not isinstance(one, Missing) and one.unknown_ca is not None:
            return one.unknown_ca
    reasons = (one.reason if isinstance(one, Missing) else one.unknown_ca_reason for one in certificates)
    return Missing(next((reason for reason in reasons if reason), "no agent certificate can be made"))


def _had(certificate: KeyedCertificate | None, reason: str) -> KeyedCertificate | Missing:
    return Missing(reason) if certificate is None else certificate


def _expected_thumbprint(side: EstateSide, gateway: Gateway) -> str | Missing:
    """Give what agents should find: the certificate left serving by the last apply, else the declared one."""
    if isinstance(gateway.certificate, StoredCertificate):
        return gateway.certificate.thumbprint
    try:
        known = (
            recorded_live(side.estate, side.folder, gateway)
            or certificate_material(side.estate, side.folder, gateway, side.secrets).facts
        )
    except (PkiError, SecretError) as error:
        return Missing(f"the expected thumbprint is not known: {error.message}")
    if known is None:
        return Missing("the expected thumbprint is not known: run `cemops apply`, or declare certificate.thumbprint")
    return known.sha1


def _targets(side: EstateSide, gateway: Gateway) -> tuple[ProbeTarget, ...]:
    canonical = topology.canonical_targets(side.estate, gateway)
    return tuple(
        _target(side, target, canonical=target in canonical) for target in topology.allow_list(side.estate, gateway)
    )


def _target(side: EstateSide, target: topology.Target, *, canonical: bool) -> ProbeTarget:
    if target.kind == "notification_server":
        ns = topology.notification_server(side.estate, target.server)
        owner, connection, source = ns.name, ns.connection, ns.agent_site.certificate
    else:
        server = topology.site_server(side.estate, target.server)
        owner, connection = server.notification_server, server.connection
        source = topology.effective_web(side.estate, server).cem.certificate
    address = connection.address if connection is not None and is_ip_address(connection.address) else None
    return ProbeTarget(
        host=target.host,
        port=target.port,
        canonical=canonical,
        notification_server=owner,
        address=address,
        inner_authorities=_inner_authorities(side, source),
    )


def _inner_authorities(side: EstateSide, source: object) -> tuple[str, ...] | Missing:
    if not isinstance(source, IssuedBy):
        return Missing("its certificate is not declared as issued_by an authority")
    try:
        facts = authority_certificate(side.estate, side.folder, source.issued_by)
    except PkiError as error:
        return Missing(error.message)
    if facts is None:
        return Missing(f"the certificate of authority {source.issued_by} is not there")
    return (facts.pem,)
