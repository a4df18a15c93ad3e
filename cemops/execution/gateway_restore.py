"""Restores a gateway from a backup (IG-11), whole or in part, onto the same or a new host.

A restored gateway is a desired gateway like any other: it is planned, guarded, staged, rehearsed, switched, checked
from outside and confirmed by what does so for the estate's (gateway_kind, gateway_transaction). Only where its parts
come from differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pydantic import SecretStr
from pyinfra.api.host import Host

from cemops.errors import PkiError
from cemops.execution.applied_estates import AppliedEstates
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_run import EstateRun
from cemops.execution.gateway_desired import certificates_in, composed, crls_in, live_trust
from cemops.execution.gateway_kind import GatewayKind
from cemops.execution.machine_kind import MachineKind
from cemops.model import topology
from cemops.model.certificates import CrlFacts
from cemops.model.gateways import Gateway
from cemops.model.observed import ObservedGateway
from cemops.pki.backup_revocations import forgotten, is_revoked, todays_crls
from cemops.pki.client_authorities import authority_materials
from cemops.pki.gateway_backup import GatewayBackup
from cemops.pki.gateway_certificate import certificate_material, recorded_live
from cemops.planning.changes import PlanWarning
from cemops.planning.desired_gateway import CLIENT_CA, CLIENT_CRL, CONFIGURATION, DesiredGateway
from cemops.planning.gateway import GatewayPlan, plan_gateway
from cemops.planning.live_configuration import listening_ports
from cemops.planning.materials import AuthorityMaterial, GatewayCertificateMaterial, GatewayMaterials
from cemops.planning.release import RELEASE_FOLDER
from cemops.planning.service import sizing_of


class Part(StrEnum):
    """What can be restored by itself."""

    CERTIFICATES = "certificates"
    """The gateway's certificate, its chain and its key."""
    CLIENT_CAS = "client-cas"
    CRLS = "crls"
    CONFIGURATION = "configuration"
    """httpd.conf, and the systemd unit."""


WHOLE = frozenset(Part)


@dataclass
class RestoreRun(EstateRun):
    """A run in which one gateway becomes what its backup says; the others' kinds are the estate's."""

    restoring: RestoringGateway | None = None

    def kind(self, name: str) -> MachineKind:
        """Return how cemops deals with a machine."""
        if self.restoring is not None and self.restoring.backup.gateway == name:
            return self.restoring
        return super().kind(name)

    @cached_property
    def applied(self) -> AppliedEstates:
        """What is remembered of applies: a restored gateway is what its backup says, which no estate may declare."""
        return _NothingApplied(self.context, self._complain)


class _NothingApplied(AppliedEstates):
    def remember(self, hosts: Iterable[str]) -> None:
        """Leave what is remembered as it is."""


class RestoringGateway(GatewayKind):
    """A gateway that is restored: parts of the backup, and today's estate for the rest."""

    def __init__(self, backup: GatewayBackup, parts: frozenset[Part] = WHOLE) -> None:
        self.backup = backup
        self._parts = parts
        self._authorities = certificates_in(backup.files.get(CLIENT_CA))
        self._crls = crls_in(backup.files.get(CLIENT_CRL), self._authorities)

    def plan(self, run: EstateRun, name: str, observed: ObservedGateway) -> GatewayPlan:
        """Plan the restored gateway: certificates and CRLs are judged as in any plan."""
        gateway = topology.gateway(run.context.estate, name)
        live = live_trust(observed)
        materials = self._materials(run.context, gateway, run.now)
        desired = composed(run.context, materials, gateway, observed, live, run.now)
        restored = self._with_files(desired)
        made = plan_gateway(restored, observed, live, run.now)
        errors = [*made.errors, *self._errors(desired, restored)]
        warnings = list(made.warnings)
        try:
            errors += self._revocation_errors(run.context, materials)
        except PkiError as error:
            warnings.append(
                PlanWarning(
                    "crl-not-compared",
                    f"who was revoked since the backup cannot be told ({error}): they are let in until the next apply",
                    "CE-08",
                )
            )
        return replace(made, errors=tuple(errors), warnings=tuple(warnings))

    def _key(self) -> SecretStr | None:
        return self.backup.key if Part.CERTIFICATES in self._parts else None

    def _prepare(self, run: EstateRun, host: Host) -> tuple[str, ...]:
        """Make what PKI has to make, where something comes from there; never a certificate beside the backup's."""
        if {Part.CERTIFICATES, Part.CLIENT_CAS, Part.CRLS} <= self._parts:
            return ()
        return self._make_missing(run, host, with_certificate=Part.CERTIFICATES not in self._parts)

    def _materials(self, context: EstateContext, gateway: Gateway, now: datetime) -> GatewayMaterials:
        return GatewayMaterials(
            gateway=gateway.name,
            authorities=tuple(self._authority_materials(context, gateway, now)),
            certificate=self._certificate_material(context, gateway),
        )

    def _certificate_material(self, context: EstateContext, gateway: Gateway) -> GatewayCertificateMaterial:
        if Part.CERTIFICATES not in self._parts:
            return certificate_material(context.estate, context.folder, gateway, context.secrets)
        recorded = recorded_live(context.estate, context.folder, gateway)
        return GatewayCertificateMaterial("backup", self.backup.facts, self.backup.chain[1:], recorded=recorded)

    def _authority_materials(
        self, context: EstateContext, gateway: Gateway, now: datetime
    ) -> Iterator[AuthorityMaterial]:
        both = {Part.CLIENT_CAS, Part.CRLS} <= self._parts
        todays = () if both else authority_materials(context.estate, context.folder, gateway, now)
        known = {material.certificate.sha256: material for material in todays if material.certificate is not None}
        found = todays
        if Part.CLIENT_CAS in self._parts:
            found = tuple(
                known.get(facts.sha256)
                or AuthorityMaterial(facts.common_name or facts.subject, "external", facts, None)
                for facts in self._authorities
            )
        for material in found:
            yield (
                replace(material, crl=self._crl_of(material), will_make_crl=False)
                if (Part.CRLS in self._parts)
                else material
            )

    def _crl_of(self, material: AuthorityMaterial) -> CrlFacts | None:
        certificate = material.certificate
        return next((crl for crl in self._crls if certificate and crl.signed_by == certificate.sha256), None)

    def _with_files(self, desired: DesiredGateway) -> DesiredGateway:
        """Put the backup's own text in place of what was rendered: what it equals must not differ by a word."""
        files = dict(desired.files)
        stored = self.backup.files
        if Part.CLIENT_CAS in self._parts:
            files[CLIENT_CA] = stored.get(CLIENT_CA, "")
        if Part.CRLS in self._parts and CLIENT_CRL in files:
            files[CLIENT_CRL] = stored[CLIENT_CRL]
        if Part.CONFIGURATION not in self._parts:
            return replace(desired, files=files)
        text = self._configuration(desired)
        files[CONFIGURATION] = text
        unit = self._moved(self.backup.unit, desired.gateway) if desired.unit and self.backup.unit else desired.unit
        sizing = sizing_of(text or "", desired.sizing)
        return replace(desired, files=files, unit=unit, sizing=sizing, restored=True)

    def _configuration(self, desired: DesiredGateway) -> str | None:
        """Return the stored httpd.conf with today's places: the root, and the certificate's and key's names."""
        if desired.certificate_stem is None:
            return None
        text = self.backup.files[CONFIGURATION].replace(self.backup.release, RELEASE_FOLDER)
        stem = f"{desired.gateway.root}/tls/{desired.certificate_stem}"
        for path, wanted in ((self.backup.certificate_path, f"{stem}.crt"), (self.backup.key_path, f"{stem}.key")):
            text = text.replace(f'"{path}"', f'"{wanted}"')
        return self._moved(text, desired.gateway)

    def _moved(self, text: str, gateway: Gateway) -> str:
        """Replace the root that the gateway had by the one that it is to have."""
        for end in ("/", '"'):
            text = text.replace(f"{self.backup.root}{end}", f"{gateway.root}{end}")
        return text

    def _errors(self, rendered: DesiredGateway, restored: DesiredGateway) -> Iterator[str]:
        text = restored.files[CONFIGURATION]
        if Part.CONFIGURATION not in self._parts or text is None:
            return
        port = restored.gateway.listen.port
        ports = listening_ports(text)
        if str(port) not in ports:
            yield (
                f"the configuration in the backup listens on port {', '.join(sorted(ports))}, the estate says {port}: "
                "leave configuration out of --parts, or set listen.port"
            )
        if self._parts != WHOLE and _revocation_lines(text) != _revocation_lines(rendered.files[CONFIGURATION] or ""):
            yield (
                "the configuration in the backup was written for other CRLs than these parts bring (CE-08): leave "
                "configuration out of --parts, or restore crls and client-cas with it"
            )

    def _revocation_errors(self, context: EstateContext, materials: GatewayMaterials) -> Iterator[str]:
        """Refuse what would let in whom today's lists shut out, and a certificate that they name."""
        authorities = [facts for material in materials.authorities if (facts := material.certificate) is not None]
        for name, crl in todays_crls(context.estate, context.folder):
            count = forgotten(crl, authorities, self._crls) if Part.CRLS in self._parts else 0
            if count:
                yield (
                    f"the CRL of {name} names {count} that the backup's does not: they would be let in again; leave "
                    "crls and configuration out of --parts, so that today's are used (CE-08)"
                )
            if Part.CERTIFICATES in self._parts and is_revoked(crl, self.backup.facts):
                yield (
                    f"the certificate in the backup ({self.backup.facts.sha1}) is revoked by {name}: leave "
                    "certificates out of --parts (CE-08)"
                )


def _revocation_lines(configuration: str) -> list[str]:
    return [line.strip() for line in configuration.splitlines() if line.strip().startswith("SSLCARevocation")]
