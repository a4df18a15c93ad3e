"""What PKI contributes to one gateway: what is there (reading only), and making what is missing.

``gateway_materials`` is what a plan calls; it makes nothing. ``make_missing`` is what an apply calls before
it reads the materials again; called twice, the second time it makes nothing. A gateway that has a fitting
live certificate never gets a new one (IG-06), and an authority that it trusts already is never made a second
time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.errors import PkiError
from cemops.model import topology
from cemops.model.certificate_sources import PfxFile, StoredCertificate
from cemops.pki.client_authorities import authority_materials, complete_authority
from cemops.pki.folder import pki_folder
from cemops.pki.gateway_certificate import (
    certificate_material,
    gateway_key_pem,
    make_gateway_certificate,
    record_live,
    recorded_live,
)
from cemops.planning.certificate_choice import choose_certificate, lost_authorities
from cemops.planning.materials import GatewayMaterials

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cemops.model.certificates import CertificateFacts
    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.secret_store import SecretStore

__all__ = ["gateway_key_pem", "gateway_materials", "make_missing", "record_live", "recorded_live"]


def gateway_materials(
    estate: Estate, folder: Path, gateway: Gateway, secrets: SecretStore, now: datetime
) -> GatewayMaterials:
    """Read everything of PKI that the gateway's plan needs. Makes nothing.

    ``folder`` is the folder of the estate file. Raises PkiError where a declared file is missing or unfit,
    SecretError where the password of a .pfx cannot be had.
    """
    return GatewayMaterials(
        gateway=gateway.name,
        authorities=authority_materials(estate, folder, gateway, now),
        certificate=certificate_material(estate, folder, gateway, secrets),
    )


def make_missing(  # noqa: PLR0913, PLR0917 - the estate's side, then what the gateway was found to have
    estate: Estate,
    folder: Path,
    gateway: Gateway,
    secrets: SecretStore,
    now: datetime,
    live: CertificateFacts | None,
    *,
    live_key_matches: bool = True,
    live_authorities: Sequence[CertificateFacts] = (),
    with_certificate: bool = True,
) -> tuple[str, ...]:
    """Make what this gateway lacks, and return a sentence for each thing made; () where nothing was.

    ``live`` is the certificate that the gateway serves now, ``live_authorities`` the CAs that it trusts now;
    ``with_certificate`` off: its own certificate is left to others (``smp-8``).
    Raises PkiError where an authority of the same name is trusted already (the pki folder was lost), or a
    passphrase is missing; SecretError where it cannot be had.
    """
    names = topology.client_authorities(estate, gateway)
    local = [name for name in names if topology.authority(estate, name).source == "local"]
    if not local and isinstance(gateway.certificate, PfxFile | StoredCertificate):
        return ()
    pki = pki_folder(estate, folder)
    made: list[str] = []
    with pki.locked():
        materials = gateway_materials(estate, folder, gateway, secrets, now)
        choice = choose_certificate(materials.certificate, live, live_key_matches, gateway.fqdn, now)
        problems = lost_authorities(materials, live_authorities)
        if choice.action == "refuse" and with_certificate:
            problems += choice.reasons
        if problems:
            raise PkiError(f"{gateway.name}: {'; '.join(problems)}")
        for name in local:
            made += complete_authority(estate, pki, name, secrets, now)
        if choice.will_be_made and with_certificate:
            made += make_gateway_certificate(estate, pki, gateway, secrets, now)
    return tuple(made)
