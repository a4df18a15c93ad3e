"""Restores the vendor's gateway on Windows from a backup (IG-10, IG-11), by the transaction that applies to it.

Of ``smp-7`` everything that cemops manages comes back: certificate and key, client CAs, CRLs, httpd.conf. Of ``smp-8``
the client CAs and CRLs do. What the gateway's manager keeps for itself there (server.pfx and its password, Settings) is
never written: it may write it over while it stops, nothing can be tried out beforehand, and what it makes of old
settings is not documented (IG-15), so that no way back could be relied on. The operator gets it unpacked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import SecretStr

from cemops.errors import CemopsError, PkiError
from cemops.execution.estate_run import EstateRun
from cemops.execution.restored_parts import WHOLE, Part, RestoredTrust
from cemops.execution.windows_gateway_desired import (
    HeldKey,
    composed_windows,
    found_trust,
    with_restored_configuration,
)
from cemops.execution.windows_gateway_kind import WindowsGatewayKind
from cemops.model import topology
from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.model.gateways import Gateway
from cemops.model.windows_observed import ObservedWindows
from cemops.pki.inspection import certificate_facts, certificates_from_bytes, crl_facts, crl_from_bytes
from cemops.pki.windows_gateway_backup import WindowsGatewayBackup
from cemops.planning.revocation import LiveTrust
from cemops.planning.windows.gateway.desired import DesiredWindowsGateway, FoundTrust, TrustFile
from cemops.planning.windows.gateway.plan import plan_windows_gateway
from cemops.planning.windows.gateway.trust import OWN_PREFIX, is_hash_name
from cemops.planning.windows.plan import WindowsPlan

OF_THE_MANAGER = frozenset({Part.CERTIFICATES, Part.CONFIGURATION})
"""``smp-8``: what only the operator can put back."""


class RestoringWindowsGateway(WindowsGatewayKind):
    """A gateway that is restored: parts of the backup, and today's estate for the rest."""

    def __init__(self, backup: WindowsGatewayBackup, parts: frozenset[Part] = WHOLE) -> None:
        self.backup = backup
        smp7 = backup.layout == "smp-7"
        self._parts = parts if smp7 else parts - OF_THE_MANAGER
        if not self._parts:
            raise CemopsError(
                f"{backup.gateway} is of layout {backup.layout}: its certificate and its settings are its manager's; "
                "unpack them with --extract DIR and put them back by hand (docs/backup.md)"
            )
        self._named = _authorities(backup)
        authorities = tuple(facts for facts, _ in self._named.values())
        self._names = _names({sha256: name for sha256, (_, name) in self._named.items()})
        chain = backup.chain if smp7 else ()
        self._trust = RestoredTrust(self._parts, chain, authorities, tuple(_crls(backup, authorities)), self._names)

    @property
    def by_hand(self) -> tuple[str, ...]:
        """``smp-8``: the files of the backup that the operator has to put back."""
        if self.backup.layout == "smp-7":
            return ()
        folders = self.backup.folders
        places = (*folders.client_places("smp-8"), *folders.crl_places("smp-8"))
        managed = {place.removeprefix(f"{folders.root}\\").casefold() for place in places}
        return tuple(path for path in self.backup.files if path.rpartition("\\")[0].casefold() not in managed)

    def parts(self, run: EstateRun, name: str, observed: ObservedWindows) -> tuple[WindowsPlan, ...]:
        """Plan the restored gateway: certificates and CRLs are judged as in any plan."""
        gateway = topology.gateway(run.context.estate, name)
        rendered, found = self._rendered(run, gateway, observed)
        desired = self._with_files(rendered, observed)
        plan = plan_windows_gateway(desired, found, observed, run.now)
        errors, warnings = self._trust.judged(run.context, rendered.materials)
        if self._restores_configuration:
            text, port = self.backup.configuration, gateway.listen.port
            errors += tuple(self._trust.configuration_errors(text, rendered.configuration or "", port))
        plan = replace(plan, errors=(*plan.errors, *errors), warnings=(*plan.warnings, *warnings))
        return (replace(plan, preparation=(), actions=(), restore=()) if plan.errors else plan,)

    def desired(
        self, run: EstateRun, gateway: Gateway, observed: ObservedWindows
    ) -> tuple[DesiredWindowsGateway, FoundTrust]:
        """Return what the gateway should be, and what its files say now."""
        rendered, found = self._rendered(run, gateway, observed)
        return self._with_files(rendered, observed), found

    def found(self, run: EstateRun, gateway: Gateway, observed: ObservedWindows) -> FoundTrust:
        """Return what the gateway's files say now; a key that is there is compared with the backup's."""
        return found_trust(run.context, gateway, observed, self._held)

    def key(self, run: EstateRun, gateway: Gateway) -> SecretStr:
        """Return the key that goes to the gateway with its certificate."""
        return self.backup.key if Part.CERTIFICATES in self._parts else super().key(run, gateway)

    def make_missing(
        self, run: EstateRun, gateway: Gateway, live: LiveTrust, *, with_certificate: bool = True
    ) -> tuple[str, ...]:
        """Make what PKI has to make, where something comes from there; never a certificate beside the backup's."""
        if self._trust.needs_nothing_of_pki:
            return ()
        from_pki = with_certificate and Part.CERTIFICATES not in self._parts
        return super().make_missing(run, gateway, live, with_certificate=from_pki)

    def _rendered(
        self, run: EstateRun, gateway: Gateway, observed: ObservedWindows
    ) -> tuple[DesiredWindowsGateway, FoundTrust]:
        materials = self._trust.materials(run.context, gateway, run.now)
        found = self.found(run, gateway, observed)
        return composed_windows(run.context, materials, observed, found.live, run.now), found

    @property
    def _held(self) -> HeldKey | None:
        if Part.CERTIFICATES not in self._parts:
            return None
        digest = hashlib.sha256(self.backup.key.get_secret_value().encode()).hexdigest()
        return HeldKey(self.backup.chain[0].sha256, digest)

    @property
    def _restores_configuration(self) -> bool:
        return Part.CONFIGURATION in self._parts

    def _with_files(self, desired: DesiredWindowsGateway, observed: ObservedWindows) -> DesiredWindowsGateway:
        """Put what the backup says in the place of what was rendered, at today's root."""
        if self.backup.layout == "smp-8":
            return self._with_names(desired)
        if not self._restores_configuration:
            return desired
        text = self.backup.configuration
        for old, new in (
            (self.backup.root, desired.gateway.root),
            (self.backup.root.replace("\\", "/"), desired.gateway.root.replace("\\", "/")),
        ):
            for end in ("/", "\\", '"'):
                text = text.replace(f"{old}{end}", f"{new}{end}")
        return with_restored_configuration(desired, observed, text)

    def _with_names(self, desired: DesiredWindowsGateway) -> DesiredWindowsGateway:
        """``smp-8``: a CA that the gateway's manager had put there comes back under the manager's name."""
        named = ((self._names[sha256], name) for sha256, (_, name) in self._named.items())
        names = {authority: name for authority, name in named if not name.startswith(OWN_PREFIX)}

        def renamed(files: tuple[TrustFile, ...]) -> tuple[TrustFile, ...]:
            return tuple(replace(file, names=(names.get(file.authority, file.names[0]),)) for file in files)

        return replace(desired, client=renamed(desired.client)) if Part.CLIENT_CAS in self._parts else desired


def _authorities(backup: WindowsGatewayBackup) -> Mapping[str, tuple[CertificateFacts, str]]:
    """Return the client CAs of a backup by SHA-256, each with its file's name: a copy's only alone."""
    found: dict[str, tuple[CertificateFacts, str]] = {}
    for place in backup.folders.client_places(backup.layout):
        for name, data in sorted(backup.within(place), key=lambda file: (is_hash_name(file[0]), file[0])):
            try:
                certificate = certificates_from_bytes(data, name)[0]
                facts = certificate_facts(certificate, name)
            except PkiError:
                continue  # a note, a script: nothing that lets anybody in
            found.setdefault(facts.sha256, (facts, name))
    return found


def _crls(backup: WindowsGatewayBackup, authorities: tuple[CertificateFacts, ...]) -> Iterator[CrlFacts]:
    found: dict[str, CrlFacts] = {}
    for place in backup.folders.crl_places(backup.layout):
        for name, data in backup.within(place):
            try:
                facts = crl_facts(crl_from_bytes(data, name), authorities)
            except PkiError:
                continue
            found.setdefault(facts.sha256, facts)
    yield from found.values()


def _names(files: Mapping[str, str]) -> Mapping[str, str]:
    """Name each CA as its file is named: without the ending, unless another CA has that name already."""
    names: dict[str, str] = {}
    for sha256, name in files.items():
        stem = (name.rpartition(".")[0] or name).removeprefix(OWN_PREFIX)
        taken = {one.casefold() for one in names.values()}
        names[sha256] = name if stem.casefold() in taken else stem
    return names
