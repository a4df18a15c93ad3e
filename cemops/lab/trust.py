"""Keys and certificates that are there before cemops comes: host keys, a login key, old web certificates.

What is issued here is what an operator finds: certificates of WinRM endpoints, and those that servers had before
cemops came. The authorities are forgotten afterwards: their keys never touch the disk. The roots of agents and site
servers are *not* made here: cemops does that, from the estate.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_RSA_BITS = 2048
_VALID = timedelta(days=5 * 365)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, repr=False)
class SshKey:
    """An Ed25519 key: private in OpenSSH format (PEM), public as one line, fingerprint as ``SHA256:…``."""

    private: bytes
    public: str
    fingerprint: str


@dataclass(frozen=True, repr=False)
class ServerCertificate:
    """A server's certificate (PEM) and its private key (PEM, unencrypted: a lab's server reads it)."""

    certificate: bytes
    key: bytes


def make_ssh_key() -> SshKey:
    """Make a key for a host or a login; the fingerprint is as ``ssh-keygen -l`` shows it."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return SshKey(
        private=key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        public=public,
        fingerprint="SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("="),
    )


class LabAuthority:
    """A CA that is alive as long as this object. Its own key is P-256, which is made in no time."""

    def __init__(self, common_name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        self._certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The CA's certificate."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(self, names: tuple[str, ...], *, p256: bool = False) -> ServerCertificate:
        """Issue a server certificate for ``names`` and addresses; the first one is the subject.

        For an RSA key, as CE-02 wants it of what agents dial; ``p256`` for another, which is made in no time.
        """
        key = ec.generate_private_key(ec.SECP256R1()) if p256 else rsa.generate_private_key(65537, _RSA_BITS)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = (
            self._builder(subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return ServerCertificate(
            certificate=certificate.public_bytes(Encoding.PEM),
            key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _builder(self, subject: x509.Name, public_key: CertificatePublicKeyTypes) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=not ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
