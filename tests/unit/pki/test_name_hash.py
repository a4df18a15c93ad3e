"""The hash of a folder's file names, against OpenSSL's own."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from cemops.errors import PkiError
from cemops.pki.name_hash import issuer_hash, name_hash, subject_hash

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def attribute(oid: x509.ObjectIdentifier, value: str, kind: _ASN1Type | None = None) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value, kind)


NAMES = {
    "plain": x509.Name([attribute(NameOID.COMMON_NAME, "Northwind NS Root")]),
    "several": x509.Name(
        [
            attribute(NameOID.COUNTRY_NAME, "DE"),
            attribute(NameOID.ORGANIZATION_NAME, "North  Wind\tGmbH "),
            attribute(NameOID.COMMON_NAME, " SMP Root CA\u00c4\u00d6 \u4e2d"),
        ]
    ),
    "other string types": x509.Name(
        [
            attribute(NameOID.ORGANIZATION_NAME, "Wide \u0416", _ASN1Type.BMPString),
            attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Printable  Unit", _ASN1Type.PrintableString),
            attribute(NameOID.EMAIL_ADDRESS, "Root@Example", _ASN1Type.IA5String),
        ]
    ),
    "several in one part": x509.Name(
        [
            x509.RelativeDistinguishedName(
                [attribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Zebra"), attribute(NameOID.COMMON_NAME, "Alpha")]
            ),
            x509.RelativeDistinguishedName([attribute(NameOID.SERIAL_NUMBER, "A-1")]),
        ]
    ),
    "long": x509.Name([attribute(NameOID.ORGANIZATION_NAME, "x" * 64), attribute(NameOID.STREET_ADDRESS, "Y " * 200)]),
    "empty": x509.Name([]),
}


def crl_of(name: x509.Name) -> str:
    builder = x509.CertificateRevocationListBuilder(name, NOW, NOW + timedelta(days=1))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def asked(kind: str, pem: str) -> str:
    option = {"crl": "-hash", "x509": "-subject_hash"}[kind]
    done = subprocess.run(
        ["openssl", kind, option, "-noout"], input=pem, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_crl_is_named_as_openssl_looks_for_it(name: x509.Name) -> None:
    pem = crl_of(name)
    assert issuer_hash(pem) == asked("crl", pem)


def test_a_ca_is_named_as_openssl_looks_for_it() -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), NAMES["several"]
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    assert subject_hash(pem) == asked("x509", pem)


def test_spellings_of_one_name_have_one_hash() -> None:
    spellings = ("NS  Root", " ns root", "Ns Root ")
    hashes_found = {name_hash(x509.Name([attribute(NameOID.COMMON_NAME, one)])) for one in spellings}
    assert len(hashes_found) == 1


def test_what_is_no_crl_is_refused_with_a_repair() -> None:
    with pytest.raises(PkiError, match="export it again"):
        issuer_hash("-----BEGIN X509 CRL-----\n!\n")
    with pytest.raises(PkiError, match="export it again"):
        subject_hash("nothing")
