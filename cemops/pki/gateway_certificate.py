"""A gateway's own certificate: what the operator's side knows of it, making one, and its key for delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model import topology
from cemops.model.certificate_sources import PfxFile, SelfSigned, StoredCertificate
from cemops.pki.authorities import authority_certificate, certificate_pem, common_name
from cemops.pki.folder import PkiFolder, estate_path, pki_folder
from cemops.pki.inspection import certificates_from_bytes
from cemops.pki.issuing import subject_text
from cemops.pki.keyed_certificate import read_pfx
from cemops.pki.made_certificates import CertificateOrder, known_certificate, made_key_pem, make_certificate
from cemops.planning.materials import GatewayCertificateMaterial

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pydantic import SecretStr

    from cemops.model.certificates import CertificateFacts
    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.secret_store import SecretStore


def certificate_material(
    estate: Estate, folder: Path, gateway: Gateway, secrets: SecretStore
) -> GatewayCertificateMaterial:
    """Read what is known of the gateway's certificate. Makes nothing."""
    source = gateway.certificate
    pki = pki_folder(estate, folder)
    recorded = pki.facts(pki.live(gateway.name))
    if isinstance(source, PfxFile):
        package = _pfx(source, folder, secrets)
        return GatewayCertificateMaterial("pfx", package.facts, package.chain, recorded=recorded)
    known = known_certificate(pki, pki.gateway(gateway.name))
    if isinstance(source, StoredCertificate):
        exact = known if known is not None and source.thumbprint in (known.sha1, known.sha256) else None
        return GatewayCertificateMaterial("thumbprint", exact, thumbprint=source.thumbprint, recorded=recorded)
    if isinstance(source, SelfSigned):
        return GatewayCertificateMaterial("self_signed", known, can_make=True, recorded=recorded)
    local = topology.authority(estate, source.issued_by).source == "local"
    issuer = authority_certificate(estate, folder, source.issued_by)
    return GatewayCertificateMaterial(
        "issued_by",
        known,
        issuer=issuer,
        issuer_subject=subject_text(common_name(estate, source.issued_by)) if local and not issuer else None,
        can_make=local,
        recorded=recorded,
    )


def make_gateway_certificate(
    estate: Estate, pki: PkiFolder, gateway: Gateway, secrets: SecretStore, now: datetime
) -> tuple[str, ...]:
    """Make a key and a certificate for the gateway; say what was made. The caller holds the folder's lock.

    A pair that ``pki/`` already holds has been judged unfit: it moves to ``retired/``, it is never
    overwritten.
    """
    order = CertificateOrder(_owner(gateway), pki.gateway(gateway.name), (gateway.fqdn,), gateway.certificate)
    return make_certificate(estate, pki, order, secrets, now)


def gateway_key_pem(estate: Estate, folder: Path, gateway: Gateway, secrets: SecretStore) -> SecretStr:
    """Return the key to deliver with the gateway's certificate, from ``pki/`` or the .pfx.

    PKCS#8 PEM without encryption: for stdin and SFTP only. PkiError where it is missing or another
    certificate's.
    """
    source = gateway.certificate
    if isinstance(source, PfxFile):
        return _pfx(source, folder, secrets).key_pem
    pki = pki_folder(estate, folder)
    return made_key_pem(estate, pki, pki.gateway(gateway.name), _owner(gateway), secrets)


def record_live(estate: Estate, folder: Path, gateway: Gateway, pem: str) -> None:
    """Remember the (public) certificate that a confirmed apply left serving on the gateway."""
    pki = pki_folder(estate, folder)
    path = pki.live(gateway.name)
    source = f"the live certificate of {gateway.name}"
    data = certificate_pem(certificates_from_bytes(pem.encode("utf-8", "replace"), source)[0])
    if pki.has(path) and pki.read(path) == data:
        return
    with pki.locked():
        pki.write(path, data)


def recorded_live(estate: Estate, folder: Path, gateway: Gateway) -> CertificateFacts | None:
    """State what ``record_live`` remembered last; None where it never did."""
    pki = pki_folder(estate, folder)
    return pki.facts(pki.live(gateway.name))


def _owner(gateway: Gateway) -> str:
    return f"gateway {gateway.name}"


def _pfx(source: PfxFile, folder: Path, secrets: SecretStore) -> KeyedCertificate:
    password = None if source.password is None else secrets.resolve(source.password)
    return read_pfx(estate_path(folder, source.pfx), password)
