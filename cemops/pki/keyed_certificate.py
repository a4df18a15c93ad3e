"""A certificate together with its private key, in memory, and how both are read from and written to files."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from pydantic import SecretStr

from cemops.errors import PkiError
from cemops.model.certificates import CertificateFacts
from cemops.pki.inspection import certificate_facts, public_key_sha256, read_bounded, translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
"""The key types that httpd, OpenSSL and the agents all take in TLS."""

MAX_PFX_BYTES = 4 * 1024 * 1024
MAX_KEY_BYTES = 256 * 1024

_PFX_VERSION = b"\x02\x01\x03"
"""INTEGER 3, with which every PKCS#12 file goes on after its outer header (RFC 7292, 4)."""


@dataclass(frozen=True)
class KeyedCertificate:
    """A certificate and its key.

    ``key_pem`` is PKCS#8 without encryption: for memory, stdin and SFTP only.
    """

    facts: CertificateFacts
    key_pem: SecretStr
    chain: tuple[CertificateFacts, ...] = ()
    """Intermediate certificates to send with it, the leaf's issuer first; never a root."""
    root: CertificateFacts | None = None
    """The root that signed the last of the chain, where the file brings it."""

    @property
    def certificate_pem(self) -> str:
        """The certificate, then its chain, as one PEM text."""
        return "".join(facts.pem for facts in (self.facts, *self.chain))

    @property
    def matches(self) -> bool:
        """Whether the key belongs to the certificate."""
        key = load_known_key(self.key_pem)
        return public_key_sha256(key.public_key()) == self.facts.public_key_sha256

    def __repr__(self) -> str:
        """Name the certificate, hide the key."""
        return f"KeyedCertificate({self.facts.subject!r}, sha256={self.facts.sha256})"


def keyed(certificate: x509.Certificate, key: PrivateKey, chain: Sequence[x509.Certificate] = ()) -> KeyedCertificate:
    """Join a certificate and its key, as facts and PEM."""
    return KeyedCertificate(
        facts=certificate_facts(certificate),
        key_pem=plain_key_pem(key),
        chain=tuple(certificate_facts(link) for link in chain),
    )


def plain_key_pem(key: PrivateKey) -> SecretStr:
    """Return the key as PKCS#8 PEM without encryption, hidden from repr."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SecretStr(pem.decode("ascii"))


def load_known_key(pem: SecretStr) -> PrivateKeyTypes:
    """Load a key that this process has read or made. Its numbers were checked then; again costs 50 to 150 ms."""
    return serialization.load_pem_private_key(
        pem.get_secret_value().encode("ascii"), None, unsafe_skip_rsa_key_validation=True
    )


def encrypted_key_pem(key: PrivateKey, passphrase: SecretStr) -> bytes:
    """Return the key as PKCS#8 PEM, encrypted (PBES2, AES-256-CBC): the only form that goes to disk."""
    encryption = serialization.BestAvailableEncryption(passphrase.get_secret_value().encode("utf-8"))
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def read_encrypted_key(path: Path, passphrase: SecretStr) -> PrivateKey:
    """Read a key that ``encrypted_key_pem`` wrote.

    PkiError where the passphrase is wrong or the key is not encrypted.
    """
    data = read_bounded(path, MAX_KEY_BYTES)
    if b"BEGIN ENCRYPTED PRIVATE KEY" not in data:
        raise PkiError(
            f"{path} is not an encrypted PKCS#8 key: restore it, or encrypt it with `openssl pkcs8 -topk8 -v2 aes256`"
        )
    with translated(
        f"{path} cannot be decrypted: pki.passphrase (or the authority's passphrase) is not the one it has"
    ):
        # Whether the primes are prime takes 50 to 150 ms a key. Who could plant others has the passphrase, too.
        key = serialization.load_pem_private_key(
            data, passphrase.get_secret_value().encode("utf-8"), unsafe_skip_rsa_key_validation=True
        )
    if not isinstance(key, PrivateKey):
        raise PkiError(f"{path} is neither an RSA nor an EC key: use a key of one of these types")
    if isinstance(key, rsa.RSAPrivateKey) and not _fits_together(key.private_numbers()):
        raise PkiError(f"{path} is damaged, its numbers do not belong together: restore it from its backup")
    return key


def _fits_together(key: rsa.RSAPrivateNumbers) -> bool:
    """Tell whether the numbers are one key's (RFC 8017, 3.2): signing with a damaged one could give the key away."""
    e, p, q = key.public_numbers.e, key.p, key.q
    return (
        min(p, q) > 1
        and p * q == key.public_numbers.n
        and e * key.d % lcm(p - 1, q - 1) == 1
        and e * key.dmp1 % (p - 1) == e * key.dmq1 % (q - 1) == key.iqmp * q % p == 1
    )


def key_matches(key: PrivateKey, facts: CertificateFacts) -> bool:
    """Tell whether the key belongs to the certificate."""
    return public_key_sha256(key.public_key()) == facts.public_key_sha256


def read_pfx(path: Path, password: SecretStr | None) -> KeyedCertificate:
    """Read a ``.pfx`` (PKCS#12) file: its certificate, key and chain (CE-02).

    PkiError where it is no .pfx, the password is wrong, or the key is missing or another certificate's.
    """
    data = read_bounded(path, MAX_PFX_BYTES)
    if _PFX_VERSION not in data[:12]:
        raise PkiError(f"{path} is not a .pfx (PKCS#12) file: export the certificate with its private key as .pfx")
    secret = None if password is None else password.get_secret_value().encode("utf-8")
    with translated(
        f"{path} cannot be opened: the password is wrong, or the file is damaged or encrypted in an "
        "outdated way: correct the password, or export the .pfx again with AES-256"
    ):
        package = pkcs12.load_pkcs12(data, secret)
    if package.key is None or package.cert is None:
        missing = "private key" if package.key is None else "certificate of its key"
        raise PkiError(f"{path} holds no {missing}: export the certificate again, with its private key")
    if not isinstance(package.key, PrivateKey):
        raise PkiError(
            f"{path} holds a key that is neither RSA nor EC: have a certificate issued for an RSA key (CE-02)"
        )
    facts = certificate_facts(package.cert.certificate, str(path))
    with translated(f"{path} holds a key that cannot be used: export the certificate again, with its private key"):
        matches = key_matches(package.key, facts)
    if not matches:
        raise PkiError(f"{path} holds a key of another certificate: export the certificate again, with its own key")
    others = [certificate_facts(extra.certificate, str(path)) for extra in package.additional_certs]
    _refuse_second_server(path, facts, others)
    chain = _chain(facts, others)
    return KeyedCertificate(
        facts=facts, key_pem=plain_key_pem(package.key), chain=chain, root=_root(chain[-1] if chain else facts, others)
    )


def _refuse_second_server(path: Path, leaf: CertificateFacts, others: Sequence[CertificateFacts]) -> None:
    """Refuse a file with two certificates that are no authority's: which of them is meant cannot be told."""
    issuers = {facts.issuer for facts in (leaf, *others)}
    servers = [
        facts
        for facts in others
        if not facts.is_ca and facts.subject != facts.issuer and facts.subject not in issuers
        if facts.sha256 != leaf.sha256
    ]
    if servers:
        listed = ", ".join(f"{facts.subject} ({facts.sha1})" for facts in (leaf, *servers))
        raise PkiError(f"{path} holds several server certificates ({listed}): export the one that is meant alone")


def _root(top: CertificateFacts, others: Sequence[CertificateFacts]) -> CertificateFacts | None:
    """Return the self-signed certificate that issued the top of the chain, if it is in the file."""
    roots = (facts for facts in others if facts.subject == facts.issuer == top.issuer)
    return None if top.subject == top.issuer else next(roots, None)


def _chain(leaf: CertificateFacts, others: Sequence[CertificateFacts]) -> tuple[CertificateFacts, ...]:
    """Order the intermediates from the leaf's issuer upwards; roots and strangers are left out."""
    by_subject = {facts.subject: facts for facts in others if facts.subject != facts.issuer}
    chain: list[CertificateFacts] = []
    issuer = leaf.issuer
    while issuer in by_subject:
        facts = by_subject.pop(issuer)
        chain.append(facts)
        issuer = facts.issuer
    return tuple(chain)
