"""Local authorities: make one once, sign with it, and find the certificate of any authority of the estate.

A local authority's key is made once and never overwritten. Its files are written in the order key, revocation
register, certificate; so a crash leaves at most a key without certificate, which the next run completes, and
a certificate without register means that files were lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from cemops.errors import PkiError
from cemops.model import topology
from cemops.pki.folder import PkiFolder, estate_path, pki_folder
from cemops.pki.inspection import certificate_facts, read_certificate
from cemops.pki.issuing import Issuer, new_authority_key, self_signed_authority, years_from
from cemops.pki.keyed_certificate import encrypted_key_pem, key_matches, read_encrypted_key
from cemops.pki.revocations import NO_REVOCATIONS, write_register

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509
    from pydantic import SecretStr

    from cemops.model.certificates import CertificateFacts
    from cemops.model.estate import Estate
    from cemops.secret_store import SecretStore


def common_name(estate: Estate, name: str) -> str:
    """Return the common name of a local authority: declared, or its name in the estate."""
    return topology.authority(estate, name).common_name or name


def authority_passphrase(estate: Estate, name: str, secrets: SecretStore) -> SecretStr:
    """Return what encrypts the keys of an authority and of its agents: its own, else ``pki.passphrase``."""
    own = topology.authority(estate, name).passphrase
    return secrets.resolve(own) if own is not None else pki_passphrase(estate, secrets, f"authorities.{name}")


def pki_passphrase(estate: Estate, secrets: SecretStore, needed_by: str) -> SecretStr:
    """Return ``pki.passphrase``; PkiError where ``needed_by`` needs it and it is not declared."""
    if estate.pki.passphrase is None:
        raise PkiError(
            f"pki.passphrase is missing, and {needed_by} needs it to encrypt a key: "
            'declare it, for instance `pki: {passphrase: "env:PKI_PASSPHRASE"}`'
        )
    return secrets.resolve(estate.pki.passphrase)


def authority_certificate(estate: Estate, folder: Path, name: str) -> CertificateFacts | None:
    """State what an authority's certificate says: the declared file's, or what ``pki/`` holds of a local one.

    None where a local one is not made yet, or no file is declared. ``folder`` is the folder of the estate
    file.
    """
    authority = topology.authority(estate, name)
    if authority.source == "local":
        pki = pki_folder(estate, folder)
        return pki.facts(pki.authority(name).certificate)
    if authority.certificate is None:
        return None
    path = estate_path(folder, authority.certificate)
    return certificate_facts(read_certificate(path), str(path))


def make_authority(estate: Estate, pki: PkiFolder, name: str, secrets: SecretStore, now: datetime) -> tuple[str, ...]:
    """Make a local authority unless it exists; return a sentence that says so.

    The caller holds the folder's lock.
    """
    entry = pki.authority(name)
    if pki.has(entry.certificate):
        return ()
    if pki.has(pki.crl(name)):
        raise PkiError(
            f"{entry.certificate} is missing, but {pki.crl(name)} is there: restore the pki folder from its backup"
        )
    passphrase = authority_passphrase(estate, name, secrets)
    if pki.has(entry.key):
        key = read_encrypted_key(entry.key, passphrase)
    else:
        key = new_authority_key()
        pki.write_once(entry.key, encrypted_key_pem(key, passphrase))
    if not pki.has(pki.revocations(name)):
        write_register(pki, name, NO_REVOCATIONS)
    validity = years_from(now, topology.authority(estate, name).valid_years)
    certificate = self_signed_authority(common_name(estate, name), key, validity)
    pki.write_once(entry.certificate, certificate_pem(certificate))
    return (f"made the authority {name} ({common_name(estate, name)}), valid until {validity.not_after:%Y-%m-%d}",)


def load_issuer(estate: Estate, pki: PkiFolder, name: str, secrets: SecretStore) -> Issuer:
    """Return a local authority, ready to sign.

    PkiError where its files are missing or do not belong together.
    """
    if topology.authority(estate, name).source != "local":
        raise PkiError(
            f"authorities.{name} is not local, so cemops has no key to issue with: "
            "have the certificate issued there and declare it as .pfx"
        )
    entry = pki.authority(name)
    for path in (entry.certificate, entry.key):
        if not pki.has(path):
            raise PkiError(f"{path} is missing: restore the pki folder from its backup")
    certificate = read_certificate(entry.certificate)
    key = read_encrypted_key(entry.key, authority_passphrase(estate, name, secrets))
    if not key_matches(key, certificate_facts(certificate, str(entry.certificate))):
        raise PkiError(f"{entry.key} is not the key of {entry.certificate}: restore the pki folder from its backup")
    return Issuer(certificate, key)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)
