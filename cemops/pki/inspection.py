"""Read certificates, CRLs and .pfx files, and state what they say as plain facts.

What is read may be anything: truncated, huge, of another type. Every failure is a PkiError that names the
file and the repair; no exception of the X.509 library leaves this module.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from cemops.errors import PkiError
from cemops.model.certificates import CertificateFacts, CrlFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_REMEMBERED_CERTIFICATES, _REMEMBERED_CRLS = 512, 16
"""What many hosts have in common (authorities, their CRLs) is judged once. The content itself is the key, so that no
change is missed."""

MAX_CERTIFICATE_BYTES = 1024 * 1024
"""A bundle of some hundred certificates; anything larger is another kind of file."""

MAX_CRL_BYTES = 64 * 1024 * 1024
"""A CRL of 100,000 entries has 7.2 MB (ENGINEERING.md, Judges)."""

_PEM_MARK = b"-----BEGIN"

FOREIGN_ERRORS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the X.509 library raises for input that it cannot make sense of."""


@contextmanager
def translated(message: str) -> Iterator[None]:
    """Turn the library's exceptions into a PkiError with ``message``; the cause may quote input."""
    try:
        yield
    except FOREIGN_ERRORS:
        raise PkiError(message) from None


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most ``limit`` bytes; PkiError otherwise."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PkiError(f"{path} is not a regular file: name the file itself")
            data = file.read(limit + 1)
    except OSError as error:
        raise PkiError(f"{path} cannot be read ({error.strerror}): put the file there or correct the path") from None
    except ValueError:
        raise PkiError("a path in the estate holds a character that no path can have: correct it") from None
    if len(data) > limit:
        raise PkiError(f"{path} is larger than {limit} bytes: this is not the kind of file that is expected here")
    return data


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a named pipe in that place must not hang the caller."""
    return os.open(path, flags | os.O_NONBLOCK)


def certificates_from_bytes(data: bytes, source: str) -> tuple[x509.Certificate, ...]:
    """Read all certificates of ``data``, PEM (one or several) or DER (one), in their order.

    ``source`` names it in errors.
    """
    message = f"{source} is not a certificate: export it as Base-64 (PEM) or DER encoded X.509"
    with translated(message):
        if _PEM_MARK in data:
            return tuple(x509.load_pem_x509_certificates(data))
        return (x509.load_der_x509_certificate(data),)


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read all certificates of a PEM or DER file; at least one, else PkiError."""
    return certificates_from_bytes(read_bounded(path, MAX_CERTIFICATE_BYTES), str(path))


def read_certificate(path: Path) -> x509.Certificate:
    """Read the one certificate of a PEM or DER file."""
    certificates = read_certificates(path)
    if len(certificates) != 1:
        raise PkiError(f"{path} holds {len(certificates)} certificates where one is expected: keep only the one meant")
    return certificates[0]


def crl_from_bytes(data: bytes, source: str) -> x509.CertificateRevocationList:
    """Read one CRL from ``data``, PEM or DER. ``source`` names it in errors."""
    message = f"{source} is not a certificate revocation list: export the CRL as PEM or DER (CE-08)"
    with translated(message):
        if _PEM_MARK in data:
            return x509.load_pem_x509_crl(data)
        return x509.load_der_x509_crl(data)


def read_crl(path: Path) -> x509.CertificateRevocationList:
    """Read one CRL from a PEM or DER file."""
    return crl_from_bytes(read_bounded(path, MAX_CRL_BYTES), str(path))


@lru_cache(_REMEMBERED_CERTIFICATES)
def certificate_facts(certificate: x509.Certificate, source: str = "a certificate") -> CertificateFacts:
    """State what a certificate says. ``source`` names it in errors."""
    with translated(f"{source} has contents that X.509 does not allow: have it issued anew"):
        der = certificate.public_bytes(serialization.Encoding.DER)
        common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return CertificateFacts(
            pem=certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            subject=certificate.subject.rfc4514_string(),
            common_name=_text(common_names[-1].value) if common_names else None,
            dns_names=_dns_names(certificate),
            issuer=certificate.issuer.rfc4514_string(),
            serial=certificate.serial_number,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
            sha256=hashlib.sha256(der).hexdigest().upper(),
            public_key_sha256=public_key_sha256(certificate.public_key()),
            key_type=_key_type(certificate.public_key()),
            is_ca=_is_ca(certificate),
            extended_key_usages=_extended_key_usages(certificate),
        )


def facts_from_pem(pem: str, source: str = "a certificate") -> CertificateFacts:
    """State what the first certificate of a PEM text says: of an observed gateway, for instance."""
    return certificate_facts(certificates_from_bytes(pem.encode("utf-8", "replace"), source)[0], source)


def crl_facts(
    crl: x509.CertificateRevocationList, authorities: Sequence[CertificateFacts], source: str = "a CRL"
) -> CrlFacts:
    """State what a CRL says, and which of ``authorities`` signed it: name and signature must both hold."""
    with translated(f"{source} has contents that X.509 does not allow: have it issued anew"):
        der = crl.public_bytes(serialization.Encoding.DER)
        return CrlFacts(
            pem=crl.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            issuer=crl.issuer.rfc4514_string(),
            this_update=crl.last_update_utc,
            next_update=crl.next_update_utc,
            number=crl_number(crl),
            revoked=len(crl),
            sha256=hashlib.sha256(der).hexdigest().upper(),
            signed_by=next((facts.sha256 for facts in authorities if signed_by(crl, facts)), None),
        )


def signed_by(crl: x509.CertificateRevocationList, authority: CertificateFacts) -> bool:
    """Tell whether the CRL bears the authority's name and a signature that its key verifies."""
    return _is_signed(crl.public_bytes(serialization.Encoding.DER), authority)


@lru_cache(_REMEMBERED_CRLS)
def _is_signed(der: bytes, authority: CertificateFacts) -> bool:
    crl = x509.load_der_x509_crl(der)
    certificate = certificates_from_bytes(authority.pem.encode("ascii"), authority.subject)[0]
    if crl.issuer != certificate.subject:
        return False
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey | ed25519.Ed25519PublicKey):
        return False
    try:
        return crl.is_signature_valid(key)
    except FOREIGN_ERRORS:
        return False


@lru_cache(_REMEMBERED_CERTIFICATES)
def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether a certificate names another as its issuer and bears a signature that its key verifies."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def crl_number(crl: x509.CertificateRevocationList) -> int | None:
    """Return the CRL number (RFC 5280, 5.2.3), None where there is none."""
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None


def public_key_sha256(key: PublicKeyTypes) -> str:
    """Lower-case hex SHA-256 of the SubjectPublicKeyInfo: equal for a certificate and its key."""
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _extended_key_usages(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(usage.dotted_string for usage in usages)


def _key_type(key: PublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        names = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
        return f"EC {names.get(key.curve.name, key.curve.name)}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
