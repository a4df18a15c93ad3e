"""Make keys and certificates: local authorities, gateway certificates, agent certificates.

Key types. Authorities get RSA-3072 (they live 10 to 20 years), everything else RSA-2048. RSA, because CE-02
asks for it and the vendor's own tools make it, so every agent takes it, old Windows included; 2048 bits for
the gateway, because its key signs each handshake: 563/s on two cores against 347/s with 3072 bits and 618/s
with P-256 (ENGINEERING.md, httpd limits).

Times. ``notBefore`` lies an hour back, because agents' clocks are wrong. Every certificate has the
extensions that ``openssl verify -x509_strict`` demands (RFC 5280, 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cemops.errors import PkiError
from cemops.pki.inspection import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemops.pki.keyed_certificate import PrivateKey

AUTHORITY_KEY_BITS = 3072
LEAF_KEY_BITS = 2048
CLOCK_SKEW = timedelta(hours=1)
AGENT_VALIDITY = timedelta(days=825)
"""Certificates of the probe's own agents; made anew when they run out."""
EXPIRED_SINCE = timedelta(days=1)
EXPIRED_VALIDITY = timedelta(days=30)
_LAST_YEAR = 9999
_COMMON_NAME_LENGTH = 64  # ub-common-name, RFC 5280 appendix A.1


@dataclass(frozen=True)
class Issuer:
    """An authority that can sign: its certificate and its key. The key's repr shows nothing of it."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True)
class Validity:
    """From when to when a certificate holds (aware, UTC)."""

    not_before: datetime
    not_after: datetime


def new_authority_key() -> PrivateKey:
    """Make the key of an authority."""
    return rsa.generate_private_key(65537, AUTHORITY_KEY_BITS)


def new_leaf_key() -> PrivateKey:
    """Make the key of a gateway, server or agent."""
    return rsa.generate_private_key(65537, LEAF_KEY_BITS)


def years_from(now: datetime, years: int) -> Validity:
    """Return a validity of whole years from ``now``, begun an hour ago.

    PkiError past the year 9999 (RFC 5280).
    """
    if now.year + years > _LAST_YEAR:
        raise PkiError(f"valid_years: {years} ends after the year {_LAST_YEAR}, which X.509 cannot say: lower it")
    try:
        not_after = now.replace(year=now.year + years)
    except ValueError:  # 29 February
        not_after = now.replace(year=now.year + years, day=28)
    return Validity(now - CLOCK_SKEW, not_after)


def self_signed_authority(common_name: str, key: PrivateKey, validity: Validity) -> x509.Certificate:
    """Make the certificate of a root authority that issues end-entity certificates only (path length 0)."""
    name = _name(common_name)
    builder = (
        _builder(name, name, key, validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(_own_key_as_authority_key(key), critical=False)
    )
    return _sign(builder, key)


def server_certificate(
    names: Sequence[str], key: PrivateKey, validity: Validity, issuer: Issuer | None
) -> x509.Certificate:
    """Make a TLS server's certificate for DNS names (subject: the first); self-signed without ``issuer``."""
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return _leaf(_name(names[0]), key, validity, issuer, usage, alternatives)


def agent_certificate(common_name: str, key: PrivateKey, validity: Validity, issuer: Issuer) -> x509.Certificate:
    """Make an agent's client certificate for the gateway (C-04)."""
    return _leaf(_name(common_name), key, validity, issuer, ExtendedKeyUsageOID.CLIENT_AUTH, None)


def within(validity: Validity, authority: x509.Certificate) -> Validity:
    """Cut a validity to that of the issuing authority: nothing outlives it, or begins before it.

    PkiError where nothing is left.
    """
    not_before = max(validity.not_before, authority.not_valid_before_utc)
    not_after = min(validity.not_after, authority.not_valid_after_utc)
    if not_after <= not_before:
        raise PkiError(
            f"the authority {authority.subject.rfc4514_string()} is valid only until "
            f"{authority.not_valid_after_utc:%Y-%m-%d}: it cannot issue any more, replace it (CE-05)"
        )
    return Validity(not_before, not_after)


def agent_validity(now: datetime) -> Validity:
    """Return how long an agent certificate for the probe holds."""
    return Validity(now - CLOCK_SKEW, now + AGENT_VALIDITY)


def expired_validity(now: datetime) -> Validity:
    """Return a validity that ended yesterday."""
    not_after = now - EXPIRED_SINCE
    return Validity(not_after - EXPIRED_VALIDITY, not_after)


def _leaf(  # noqa: PLR0913, PLR0917 - each is one field of the certificate
    subject: x509.Name,
    key: PrivateKey,
    validity: Validity,
    issuer: Issuer | None,
    usage: x509.ObjectIdentifier,
    alternatives: x509.SubjectAlternativeName | None,
) -> x509.Certificate:
    issuer_name = subject if issuer is None else issuer.certificate.subject
    builder = (
        _builder(subject, issuer_name, key, validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            _own_key_as_authority_key(key) if issuer is None else authority_key_identifier(issuer.certificate),
            critical=False,
        )
    )
    if alternatives is not None:
        builder = builder.add_extension(alternatives, critical=False)
    return _sign(builder, key if issuer is None else issuer.key)


def authority_key_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return what certificates and CRLs of ``authority`` carry: its own subject key identifier."""
    with translated("an authority's certificate has extensions that X.509 does not allow: have it issued anew"):
        try:
            own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except x509.ExtensionNotFound:
            own = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())


def _own_key_as_authority_key(key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    # A longer host name stands whole in the alternative name; the subject is for people then.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_COMMON_NAME_LENGTH])])


def subject_text(common_name: str) -> str:
    """Return the RFC 4514 text of the subject that a certificate made here for ``common_name`` has."""
    return _name(common_name).rfc4514_string()
