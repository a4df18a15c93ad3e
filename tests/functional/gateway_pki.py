"""Throwaway authorities, certificates and CRLs for tests against a real httpd. EC P-256, made in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DAY = timedelta(days=1)


def pem(thing: x509.Certificate | x509.CertificateRevocationList) -> str:
    return thing.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and one file that holds both (what ssl.SSLContext wants)."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.certificate.serial_number:x}.pem"
        path.write_text(pem(self.certificate) + key_pem(self.key))
        return path


class TestAuthority:
    """One CA. ``issue`` for agents and servers, ``crl`` for what it revokes."""

    __test__ = False

    def __init__(self, common_name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(common_name)
        self.certificate = (
            self._builder(common_name, self.key.public_key(), 10 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=False, content_commitment=False, key_encipherment=False,
                    data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
                    encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip

    def _builder(
        self, common_name: str, public_key: ec.EllipticCurvePublicKey, until: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 5 * DAY)
            .not_valid_after(now + until)
        )

    def issue(self, common_name: str, *, server: bool = False, until: timedelta = DAY) -> Issued:
        """A leaf; ``until`` in the past makes an expired one."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(common_name, key.public_key(), until).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if server:
            names = x509.SubjectAlternativeName([x509.DNSName(common_name)])
            builder = builder.add_extension(names, critical=False)
        return Issued(builder.sign(self.key, hashes.SHA256()), key)

    def crl(self, revoked: Iterable[Issued] = (), *, until: timedelta = DAY) -> str:
        """PEM of a CRL that lists ``revoked``; ``until`` in the past makes an expired one."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(now - 4 * DAY)
            .next_update(now + until)
        )
        for issued in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(issued.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - 3 * DAY).build())
        return pem(builder.sign(self.key, hashes.SHA256()))
