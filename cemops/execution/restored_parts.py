"""What of a backup is restored (IG-11), and how that is judged: the same for every layout.

Certificates, CAs and CRLs come from the backup or, where a part is left out, from today's estate. Who was revoked since
the backup stays out, and a certificate that is revoked by now is not restored (CE-08).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from cemops.errors import PkiError
from cemops.execution.estate_context import EstateContext
from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.model.gateways import Gateway
from cemops.pki.backup_revocations import forgotten, is_revoked, todays_crls
from cemops.pki.client_authorities import authority_materials
from cemops.pki.gateway_certificate import certificate_material, recorded_live
from cemops.planning.changes import PlanWarning
from cemops.planning.live_configuration import listening_ports
from cemops.planning.materials import AuthorityMaterial, GatewayCertificateMaterial, GatewayMaterials


class Part(StrEnum):
    """What can be restored by itself."""

    CERTIFICATES = "certificates"
    """The gateway's certificate, its chain and its key."""
    CLIENT_CAS = "client-cas"
    CRLS = "crls"
    CONFIGURATION = "configuration"
    """httpd.conf, and on Linux the systemd unit."""


WHOLE = frozenset(Part)


@dataclass(frozen=True)
class RestoredTrust:
    """The certificates, CAs and CRLs of a backup, and which parts of it count."""

    parts: frozenset[Part]
    chain: tuple[CertificateFacts, ...]
    """The gateway's certificate, then what is sent with it; empty where the backup does not tell (``smp-8``)."""
    authorities: tuple[CertificateFacts, ...]
    crls: tuple[CrlFacts, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    """By SHA-256 of a CA, the name that it had on the gateway: for those that the estate does not declare."""

    @property
    def needs_nothing_of_pki(self) -> bool:
        """Whether nothing comes from the pki folder, so that nothing has to be made there."""
        return {Part.CERTIFICATES, Part.CLIENT_CAS, Part.CRLS} <= self.parts

    def materials(self, context: EstateContext, gateway: Gateway, now: datetime) -> GatewayMaterials:
        """Return what the plan compares with: of the backup, and of today's estate."""
        return GatewayMaterials(
            gateway=gateway.name,
            authorities=tuple(self._authority_materials(context, gateway, now)),
            certificate=self._certificate_material(context, gateway),
        )

    def judged(
        self, context: EstateContext, materials: GatewayMaterials
    ) -> tuple[tuple[str, ...], tuple[PlanWarning, ...]]:
        """Return errors for what would let in whom today's lists shut out; a warning where they cannot be read."""
        try:
            return tuple(self._revocation_errors(context, materials)), ()
        except PkiError as error:
            text = f"who was revoked since the backup cannot be told ({error}): they are let in until the next apply"
            return (), (PlanWarning("crl-not-compared", text, "CE-08"),)

    def configuration_errors(self, stored: str, rendered: str, port: int) -> Iterator[str]:
        """Yield why a configuration of the backup cannot be taken together with the rest."""
        ports = listening_ports(stored)
        if str(port) not in ports:
            yield (
                f"the configuration in the backup listens on port {', '.join(sorted(ports))}, the estate says {port}: "
                "leave configuration out of --parts, or set listen.port"
            )
        if self.parts != WHOLE and _revocation_lines(stored) != _revocation_lines(rendered):
            yield (
                "the configuration in the backup was written for other CRLs than these parts bring (CE-08): leave "
                "configuration out of --parts, or restore crls and client-cas with it"
            )

    def _certificate_material(self, context: EstateContext, gateway: Gateway) -> GatewayCertificateMaterial:
        if Part.CERTIFICATES not in self.parts:
            return certificate_material(context.estate, context.folder, gateway, context.secrets)
        recorded = recorded_live(context.estate, context.folder, gateway)
        return GatewayCertificateMaterial("backup", self.chain[0], self.chain[1:], recorded=recorded)

    def _authority_materials(
        self, context: EstateContext, gateway: Gateway, now: datetime
    ) -> Iterator[AuthorityMaterial]:
        both = {Part.CLIENT_CAS, Part.CRLS} <= self.parts
        todays = () if both else authority_materials(context.estate, context.folder, gateway, now)
        known = {material.certificate.sha256: material for material in todays if material.certificate is not None}
        found = todays
        if Part.CLIENT_CAS in self.parts:
            found = tuple(
                known.get(facts.sha256) or AuthorityMaterial(self._name(facts), "external", facts, None)
                for facts in self.authorities
            )
        for material in found:
            yield (
                replace(material, crl=self._crl_of(material), will_make_crl=False)
                if Part.CRLS in self.parts
                else material
            )

    def _name(self, facts: CertificateFacts) -> str:
        return self.names.get(facts.sha256) or facts.common_name or facts.subject

    def _crl_of(self, material: AuthorityMaterial) -> CrlFacts | None:
        certificate = material.certificate
        return next((crl for crl in self.crls if certificate and crl.signed_by == certificate.sha256), None)

    def _revocation_errors(self, context: EstateContext, materials: GatewayMaterials) -> Iterator[str]:
        authorities = [facts for material in materials.authorities if (facts := material.certificate) is not None]
        for name, crl in todays_crls(context.estate, context.folder):
            count = forgotten(crl, authorities, self.crls) if Part.CRLS in self.parts else 0
            if count:
                yield (
                    f"the CRL of {name} names {count} that the backup's does not: they would be let in again; leave "
                    "crls and configuration out of --parts, so that today's are used (CE-08)"
                )
            if Part.CERTIFICATES in self.parts and is_revoked(crl, self.chain[0]):
                yield (
                    f"the certificate in the backup ({self.chain[0].sha1}) is revoked by {name}: leave "
                    "certificates out of --parts (CE-08)"
                )


def _revocation_lines(configuration: str) -> list[str]:
    return [line.strip() for line in configuration.splitlines() if line.strip().startswith("SSLCARevocation")]
