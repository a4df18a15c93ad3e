"""The authorities whose agents a gateway lets in (C-01): what is known, and completing the local ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model import topology
from cemops.pki.authorities import (
    authority_certificate,
    authority_passphrase,
    common_name,
    load_issuer,
    make_authority,
)
from cemops.pki.crl import crl_of, is_due, issue_crl, unlisted
from cemops.pki.folder import PkiFolder, estate_path, pki_folder
from cemops.pki.inspection import certificate_facts, crl_facts, read_certificate, read_crl
from cemops.pki.probe_agents import make_agents, outlived_agents, revoked_serial
from cemops.planning.materials import AuthorityMaterial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cemops.model.certificates import CertificateFacts, CrlFacts
    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.secret_store import SecretStore


def authority_materials(estate: Estate, folder: Path, gateway: Gateway, now: datetime) -> tuple[AuthorityMaterial, ...]:
    """Read what is known of each authority in the gateway's bundle. Makes nothing."""
    names = topology.client_authorities(estate, gateway)
    certificates = {name: authority_certificate(estate, folder, name) for name in names}
    bundle = tuple(facts for facts in certificates.values() if facts is not None)
    pki = pki_folder(estate, folder)
    return tuple(
        _local_material(estate, pki, name, certificates[name], now=now, bundle=bundle)
        if topology.authority(estate, name).source == "local"
        else _declared_material(estate, folder, name, certificates[name], bundle)
        for name in names
    )


def complete_authority(
    estate: Estate, pki: PkiFolder, name: str, secrets: SecretStore, now: datetime
) -> tuple[str, ...]:
    """Make a local authority, the probe's agents and the CRL, as far as they are missing; say what was made.

    The authority's key is decrypted only where something has to be signed. The caller holds the folder's
    lock.
    """
    made = make_authority(estate, pki, name, secrets, now)
    authority = read_certificate(pki.authority(name).certificate)
    roles = outlived_agents(pki, name, authority, now)
    crl = crl_of(pki, name, (certificate_facts(authority),))
    if not roles and not is_due(crl, now) and not _unlisted(pki, name):
        return made
    issuer = load_issuer(estate, pki, name, secrets)
    agents = make_agents(pki, name, roles, issuer, authority_passphrase(estate, name, secrets), now=now)
    new = _unlisted(pki, name)
    if not new and not is_due(crl, now):
        return (*made, *agents)
    days = estate.pki.crl_valid_days
    return (*made, *agents, *issue_crl(pki, name, issuer, days, now, revoke=new))


def _local_material(  # noqa: PLR0913 - each is a field of the material, or decides one
    estate: Estate,
    pki: PkiFolder,
    name: str,
    certificate: CertificateFacts | None,
    *,
    now: datetime,
    bundle: Sequence[CertificateFacts],
) -> AuthorityMaterial:
    crl = crl_of(pki, name, bundle)
    return AuthorityMaterial(
        name=name,
        source="local",
        certificate=certificate,
        crl=crl,
        common_name=common_name(estate, name),
        will_make_certificate=certificate is None,
        will_make_crl=is_due(crl, now) or bool(_unlisted(pki, name)) or _revoked_is_outlived(pki, name, now),
    )


def _revoked_is_outlived(pki: PkiFolder, name: str, now: datetime) -> bool:
    """Tell whether the probe's revoked agent will be made, which puts a further entry on the CRL."""
    path = pki.authority(name).certificate
    return not pki.has(path) or "revoked" in outlived_agents(pki, name, read_certificate(path), now)


def _declared_material(
    estate: Estate,
    folder: Path,
    name: str,
    certificate: CertificateFacts | None,
    bundle: Sequence[CertificateFacts],
) -> AuthorityMaterial:
    authority = topology.authority(estate, name)
    crl = None if authority.crl is None else _declared_crl(estate_path(folder, authority.crl), bundle)
    return AuthorityMaterial(name=name, source=authority.source, certificate=certificate, crl=crl)


def _declared_crl(path: Path, bundle: Sequence[CertificateFacts]) -> CrlFacts:
    return crl_facts(read_crl(path), bundle, str(path))


def _unlisted(pki: PkiFolder, authority: str) -> tuple[int, ...]:
    """Return the serials that the authority's CRL has to list and does not."""
    serial = revoked_serial(pki, authority)
    return unlisted(pki, authority, () if serial is None else (serial,))
