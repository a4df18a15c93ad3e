"""Certificates of Notification Servers and site servers: what the operator's side holds, making one, packing it.

A certificate goes to Windows as PKCS#12 that is packed here anew, with a password of one use: no declared password
leaves this machine, and the key's provider that the file may name (CNG) is left behind, so that Windows stores the
RSA key where IIS and the vendor's services can use it (CE-02: CNG keys are converted).
"""

from __future__ import annotations

import secrets as randomness
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from pydantic import SecretBytes, SecretStr

from cemops.errors import PkiError
from cemops.model import topology
from cemops.model.certificate_sources import IssuedBy, PfxFile, SelfSigned, StoredCertificate
from cemops.pki.authorities import authority_certificate, common_name
from cemops.pki.folder import estate_path, pki_folder
from cemops.pki.issuing import subject_text
from cemops.pki.keyed_certificate import load_known_key, read_pfx
from cemops.pki.made_certificates import CertificateOrder, known_certificate, made_key_pem, make_certificate
from cemops.planning.windows.materials import ServerCertificateMaterial

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cemops.model.certificate_sources import CertificateSource
    from cemops.model.certificates import CertificateFacts
    from cemops.model.estate import Estate
    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.secret_store import SecretStore

PACKING_ROUNDS = 20_000
_PASSWORD_BYTES = 24


@dataclass(frozen=True)
class ServerPurpose:
    """One certificate that the estate declares for a server: for what, with which names, and where it comes from."""

    server: str
    purpose: str
    names: tuple[str, ...]
    source: CertificateSource

    @property
    def owner(self) -> str:
        """Name it for people."""
        return f"{self.server} ({self.purpose})"


@dataclass(frozen=True)
class PackedCertificate:
    """A PKCS#12 package for one import, and the password of that one use. Both hide from repr."""

    pfx: SecretBytes
    password: SecretStr


def server_material(
    estate: Estate, folder: Path, wanted: ServerPurpose, secrets: SecretStore
) -> ServerCertificateMaterial:
    """Read what is known of a server's certificate. Makes nothing; what is missing stands in ``problem``."""
    try:
        return _material(estate, folder, wanted, secrets)
    except PkiError as error:
        return ServerCertificateMaterial(wanted.purpose, wanted.source.kind, wanted.names, problem=str(error))


def make_server_certificate(
    estate: Estate, folder: Path, wanted: ServerPurpose, secrets: SecretStore, now: datetime
) -> tuple[str, ...]:
    """Make key and certificate (and a local authority, where it is missing); say what was made."""
    pki = pki_folder(estate, folder)
    entry = pki.server(wanted.server, wanted.purpose)
    with pki.locked():
        return make_certificate(
            estate, pki, CertificateOrder(wanted.owner, entry, wanted.names, wanted.source), secrets, now
        )


def packed_for_windows(estate: Estate, folder: Path, wanted: ServerPurpose, secrets: SecretStore) -> PackedCertificate:
    """Return certificate and key as PKCS#12 that Windows Server 2012 and later can import.

    Without the chain, which goes into stores of its own. PkiError where the key is missing, or no RSA key (CE-02).
    """
    if isinstance(wanted.source, PfxFile):
        package = _pfx(wanted.source, folder, secrets)
        facts, key_pem = package.facts, package.key_pem
    else:
        pki = pki_folder(estate, folder)
        entry = pki.server(wanted.server, wanted.purpose)
        key_pem = made_key_pem(estate, pki, entry, wanted.owner, secrets)
        known = pki.facts(entry.certificate)
        if known is None:
            raise PkiError(f"{entry.certificate} is missing: restore the pki folder from its backup")
        facts = known
    key = load_known_key(key_pem)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PkiError(
            f"the certificate of {wanted.owner} has no RSA key: have it issued for an RSA key, the vendor's "
            "programs take no other (CE-02)"
        )
    password = randomness.token_urlsafe(_PASSWORD_BYTES)
    # What Windows Server 2012 to 2016 can read: they know no AES in PKCS#12. The package lives for one import, on TLS.
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(PACKING_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303 - see above
        .build(password.encode("ascii"))
    )
    certificate = x509.load_pem_x509_certificate(facts.pem.encode("ascii"))
    packed = pkcs12.serialize_key_and_certificates(wanted.names[0].encode("utf-8"), key, certificate, None, encryption)
    return PackedCertificate(SecretBytes(packed), SecretStr(password))


def _material(estate: Estate, folder: Path, wanted: ServerPurpose, secrets: SecretStore) -> ServerCertificateMaterial:
    source = wanted.source
    material = ServerCertificateMaterial(wanted.purpose, source.kind, wanted.names)
    if isinstance(source, PfxFile):
        package = _pfx(source, folder, secrets)
        root = () if package.root is None else (package.root,)
        return replace(material, facts=package.facts, chain=(*package.chain, *root))
    if isinstance(source, StoredCertificate):
        return replace(material, thumbprint=source.thumbprint)
    pki = pki_folder(estate, folder)
    known = known_certificate(pki, pki.server(wanted.server, wanted.purpose))
    if isinstance(source, SelfSigned):
        return replace(material, facts=known, can_make=True)
    return _issued(estate, folder, source, known, material)


def _issued(
    estate: Estate,
    folder: Path,
    source: IssuedBy,
    known: CertificateFacts | None,
    material: ServerCertificateMaterial,
) -> ServerCertificateMaterial:
    declared = topology.authority(estate, source.issued_by)
    local = declared.source == "local"
    issuer = authority_certificate(estate, folder, source.issued_by)
    return replace(
        material,
        facts=known,
        chain=() if issuer is None else (issuer,),
        issuer=issuer,
        issuer_name=source.issued_by,
        issuer_subject=subject_text(common_name(estate, source.issued_by)) if local and issuer is None else None,
        vendor=declared.source == "vendor",
        can_make=local,
    )


def _pfx(source: PfxFile, folder: Path, secrets: SecretStore) -> KeyedCertificate:
    password = None if source.password is None else secrets.resolve(source.password)
    return read_pfx(estate_path(folder, source.pfx), password)
