"""Restores a gateway from a backup (IG-11), whole or in part, onto the same or a new host.

A restored gateway is a desired gateway like any other: it is planned, guarded, staged, rehearsed, switched, checked
from outside and confirmed by what does so for the estate's (gateway_kind, gateway_transaction). Only where its parts
come from differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import SecretStr
from pyinfra.api.host import Host

from cemops.execution.estate_run import EstateRun
from cemops.execution.gateway_desired import certificates_in, composed, crls_in, live_trust
from cemops.execution.gateway_kind import GatewayKind
from cemops.execution.restored_parts import WHOLE, Part, RestoredTrust
from cemops.model import topology
from cemops.model.gateways import Gateway
from cemops.model.observed import ObservedGateway
from cemops.pki.gateway_backup import GatewayBackup
from cemops.planning.desired_gateway import CLIENT_CA, CLIENT_CRL, CONFIGURATION, DesiredGateway
from cemops.planning.gateway import GatewayPlan, plan_gateway
from cemops.planning.release import RELEASE_FOLDER
from cemops.planning.service import sizing_of


class RestoringGateway(GatewayKind):
    """A gateway that is restored: parts of the backup, and today's estate for the rest."""

    by_hand: tuple[str, ...] = ()
    """No file is left to the operator."""

    def __init__(self, backup: GatewayBackup, parts: frozenset[Part] = WHOLE) -> None:
        self.backup = backup
        self._parts = parts
        authorities = certificates_in(backup.files.get(CLIENT_CA))
        crls = crls_in(backup.files.get(CLIENT_CRL), authorities)
        self._trust = RestoredTrust(parts, backup.chain, authorities, crls)

    def plan(self, run: EstateRun, name: str, observed: ObservedGateway) -> GatewayPlan:
        """Plan the restored gateway: certificates and CRLs are judged as in any plan."""
        gateway = topology.gateway(run.context.estate, name)
        live = live_trust(observed)
        materials = self._trust.materials(run.context, gateway, run.now)
        desired = composed(run.context, materials, gateway, observed, live, run.now)
        restored = self._with_files(desired)
        made = plan_gateway(restored, observed, live, run.now)
        errors, warnings = self._trust.judged(run.context, materials)
        errors = (*made.errors, *self._errors(desired, restored), *errors)
        return replace(made, errors=errors, warnings=(*made.warnings, *warnings))

    def _key(self) -> SecretStr | None:
        return self.backup.key if Part.CERTIFICATES in self._parts else None

    def _prepare(self, run: EstateRun, host: Host) -> tuple[str, ...]:
        """Make what PKI has to make, where something comes from there; never a certificate beside the backup's."""
        if self._trust.needs_nothing_of_pki:
            return ()
        return self._make_missing(run, host, with_certificate=Part.CERTIFICATES not in self._parts)

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
        yield from self._trust.configuration_errors(text, rendered.files[CONFIGURATION] or "", port)
