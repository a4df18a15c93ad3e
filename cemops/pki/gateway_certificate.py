"""A gateway's own certificate: what the operator's side knows of it, making one, and its key for delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.errors import PkiError
from cemops.model import topology
from cemops.model.certificate_sources import IssuedBy, PfxFile, SelfSigned, StoredCertificate
from cemops.pki.authorities import (
    authority_certificate,
    certificate_pem,
    common_name,
    load_issuer,
    make_authority,
    pki_passphrase,
)
from cemops.pki.folder import PkiFolder, estate_path, pki_folder
from cemops.pki.inspection import certificate_facts, certificates_from_bytes
from cemops.pki.issuing import new_leaf_key, server_certificate, subject_text, within, years_from
from cemops.pki.keyed_certificate import (
    encrypted_key_pem,
    key_matches,
    plain_key_pem,
    read_encrypted_key,
    read_pfx,
)
from cemops.planning.materials import GatewayCertificateMaterial

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pydantic import SecretStr

    from cemops.model.certificates import CertificateFacts
    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.pki.issuing import Issuer, Validity
    from cemops.pki.keyed_certificate import KeyedCertificate, PrivateKey
    from cemops.secret_store import SecretStore

ISSUED_VALID_YEARS = 5
"""Chosen by cemops, as for self-signed ones: long, because a new thumbprint cuts agents off (IG-06). A
certificate never outlives its authority."""


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
    known = _known(pki, gateway)
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
    passphrase = pki_passphrase(estate, secrets, f"gateway {gateway.name}")
    made, issuer, validity = _terms(estate, pki, gateway, secrets, now)
    entry = pki.gateway(gateway.name)
    unfit = pki.facts(entry.certificate)
    if unfit is not None:
        pki.retire(entry, unfit)
    key = _complete_key(pki, gateway, passphrase)
    certificate = server_certificate((gateway.fqdn,), key, validity, issuer)
    pki.write(entry.certificate, certificate_pem(certificate))
    facts = certificate_facts(certificate)
    by = "self-signed" if issuer is None else f"issued by {facts.issuer}"
    what = f"a certificate for {gateway.name} ({gateway.fqdn}), {by}"
    return (*made, f"made {what}, thumbprint {facts.sha1}, valid until {facts.not_after:%Y-%m-%d}")


def gateway_key_pem(estate: Estate, folder: Path, gateway: Gateway, secrets: SecretStore) -> SecretStr:
    """Return the key to deliver with the gateway's certificate, from ``pki/`` or the .pfx.

    PKCS#8 PEM without encryption: for stdin and SFTP only. PkiError where it is missing or another
    certificate's.
    """
    source = gateway.certificate
    if isinstance(source, PfxFile):
        return _pfx(source, folder, secrets).key_pem
    pki = pki_folder(estate, folder)
    entry = pki.gateway(gateway.name)
    facts = pki.facts(entry.certificate)
    if facts is None or not pki.has(entry.key):
        raise PkiError(f"{entry.key} or its certificate is missing: restore the pki folder from its backup")
    key = read_encrypted_key(entry.key, pki_passphrase(estate, secrets, f"gateway {gateway.name}"))
    if not key_matches(key, facts):
        raise PkiError(f"{entry.key} is not the key of {entry.certificate}: restore the pki folder")
    return plain_key_pem(key)


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


def _known(pki: PkiFolder, gateway: Gateway) -> CertificateFacts | None:
    """State what the gateway's certificate in ``pki/`` says, if its key is there too: else it is useless."""
    entry = pki.gateway(gateway.name)
    return pki.facts(entry.certificate) if pki.has(entry.key) else None


def _pfx(source: PfxFile, folder: Path, secrets: SecretStore) -> KeyedCertificate:
    password = None if source.password is None else secrets.resolve(source.password)
    return read_pfx(estate_path(folder, source.pfx), password)


def _terms(
    estate: Estate, pki: PkiFolder, gateway: Gateway, secrets: SecretStore, now: datetime
) -> tuple[tuple[str, ...], Issuer | None, Validity]:
    """Return what had to be made first, who signs the certificate (None: it itself), and for how long."""
    source = gateway.certificate
    if isinstance(source, SelfSigned):
        return (), None, years_from(now, source.self_signed.valid_years)
    if isinstance(source, IssuedBy):
        if topology.authority(estate, source.issued_by).source == "local":
            made = make_authority(estate, pki, source.issued_by, secrets, now)
        else:
            made = ()
        issuer = load_issuer(estate, pki, source.issued_by, secrets)
        return made, issuer, within(years_from(now, ISSUED_VALID_YEARS), issuer.certificate)
    raise PkiError(f"gateway {gateway.name} declares an exact certificate: none can be made for it")


def _complete_key(pki: PkiFolder, gateway: Gateway, passphrase: SecretStr) -> PrivateKey:
    entry = pki.gateway(gateway.name)
    if pki.has(entry.key):
        return read_encrypted_key(entry.key, passphrase)  # left by a run that was killed before the certificate
    key = new_leaf_key()
    pki.write_once(entry.key, encrypted_key_pem(key, passphrase))
    return key
