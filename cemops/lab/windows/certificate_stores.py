"""Certificate stores of LocalMachine: real certificates with real keys, as a stand-in keeps and serves them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from cemops.lab.windows.leaf_error import LeafError, no_such_store, wrong_pfx_password

STORES = ("My", "Root", "CA")

_WELL_KNOWN = {
    "nt authority\\system": "S-1-5-18",
    "system": "S-1-5-18",
    "nt authority\\local service": "S-1-5-19",
    "localservice": "S-1-5-19",
    "nt authority\\network service": "S-1-5-20",
    "networkservice": "S-1-5-20",
    "builtin\\administrators": "S-1-5-32-544",
    "administrators": "S-1-5-32-544",
}
MACHINE_READERS = ("S-1-5-18", "S-1-5-32-544")
"""Who may read a key that was imported into the machine's key set: SYSTEM and Administrators."""


def sid_of(account: str) -> str:
    """Return the security id of an account: Windows' own for its own, else one made from the name."""
    known = _WELL_KNOWN.get(account.lower())
    if known is not None or account.upper().startswith("S-1-"):
        return known or account.upper()
    name = account.lower().rpartition("\\")[2]
    return f"S-1-5-21-1000000000-1000000000-1000000000-{1000 + int(hashlib.sha256(name.encode()).hexdigest()[:6], 16)}"


@dataclass(frozen=True, repr=False)
class StoredCertificate:
    """One certificate. ``key``: PKCS#8 PEM, None without one; not shown in reprs."""

    thumbprint: str
    der: bytes
    key: bytes | None = None
    friendly_name: str = ""
    readers: tuple[str, ...] | None = None
    """SIDs that may read the key; None without a key."""

    @property
    def has_private_key(self) -> bool:
        """Whether the key is there too."""
        return self.key is not None


PfxReader = Callable[[bytes, str], tuple[StoredCertificate, ...]]
"""Opens a PFX: what it holds, leaf first. Raises LeafError."""
Thumbprinter = Callable[[bytes], str]


def thumbprint_of(der: bytes) -> str:
    """Return the SHA-1 thumbprint of a certificate, upper-case hex. Raises LeafError if it is none."""
    try:
        x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise LeafError(
            "Cannot find the requested object: these octets are no certificate.",
            kind="System.Security.Cryptography.CryptographicException",
            hresult=0x80092009,
        ) from error
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def read_pfx(content: bytes, password: str) -> tuple[StoredCertificate, ...]:
    """Open a PFX: the certificate that its key belongs to first, then the others.

    Raises LeafError with Windows' words for a wrong password or octets that are no PFX.
    """
    try:
        opened = load_pkcs12(content, password.encode())
    except (ValueError, TypeError) as error:
        if "password" in str(error).lower():
            raise wrong_pfx_password() from error
        raise LeafError(
            "Cannot find the requested object: these octets are no PFX.",
            kind="System.Security.Cryptography.CryptographicException",
            hresult=0x80092009,
        ) from error
    key = None
    if opened.key is not None:
        key = opened.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    held = []
    if opened.cert is not None:
        der = opened.cert.certificate.public_bytes(Encoding.DER)
        name = (opened.cert.friendly_name or b"").decode("utf-8", "replace")
        readers = None if key is None else MACHINE_READERS
        held.append(StoredCertificate(thumbprint_of(der), der, key, name, readers))
    for one in opened.additional_certs:
        der = one.certificate.public_bytes(Encoding.DER)
        held.append(StoredCertificate(thumbprint_of(der), der))
    return tuple(held)


@dataclass
class CertificateStores:
    """The stores by name, and how octets are read (tests without real certificates bring their own way)."""

    stores: dict[str, list[StoredCertificate]] = field(default_factory=lambda: {name: [] for name in STORES})
    pfx_reader: PfxReader = read_pfx
    thumbprinter: Thumbprinter = thumbprint_of

    def _name(self, store: str) -> str | None:
        return next((name for name in self.stores if name.lower() == store.lower()), None)

    def has(self, store: str) -> bool:
        """Tell whether there is such a store."""
        return self._name(store) is not None

    def content(self, store: str) -> list[StoredCertificate]:
        """Return the certificates of a store. Raises LeafError if there is no such store."""
        name = self._name(store)
        if name is None:
            raise no_such_store(store)
        return self.stores[name]

    def find(self, store: str, thumbprint: str) -> StoredCertificate | None:
        """Return a certificate of a store. Raises LeafError if there is no such store."""
        return next((one for one in self.content(store) if one.thumbprint == thumbprint.upper()), None)

    def put(self, store: str, certificate: StoredCertificate) -> None:
        """Add a certificate, or give the one that is there its key; a key is never lost by adding without."""
        held = self.content(store)
        known = self.find(store, certificate.thumbprint)
        if known is None:
            held.append(certificate)
        elif certificate.has_private_key:
            held[held.index(known)] = certificate

    def import_pfx(self, store: str, content: bytes, password: str) -> None:
        """Import the one certificate of a PFX that has a key; its chain is left. Raises LeafError for none or two."""
        self.content(store)
        keyed = [one for one in self.pfx_reader(content, password) if one.has_private_key]
        if len(keyed) != 1:
            raise LeafError(f"the PFX holds {len(keyed)} certificates with a private key, not one")
        self.put(store, keyed[0])

    def add(self, store: str, der: bytes) -> None:
        """Add a certificate without key."""
        self.content(store)
        self.put(store, StoredCertificate(self.thumbprinter(der), der))

    def remove(self, store: str, thumbprint: str) -> None:
        """Remove a certificate where it is there."""
        held = self.content(store)
        known = self.find(store, thumbprint)
        if known is not None:
            held.remove(known)

    def allow(self, store: str, thumbprint: str, account: str) -> None:
        """Let an account read a key. Raises LeafError where certificate or key is missing."""
        known = self.find(store, thumbprint)
        if known is None or not known.has_private_key:
            raise LeafError(
                f"Keyset does not exist: {thumbprint} in {store} has no private key.",
                kind="System.Security.Cryptography.CryptographicException",
                hresult=0x80090016,
            )
        readers = dict.fromkeys((*(known.readers or ()), sid_of(account)))
        held = self.content(store)
        held[held.index(known)] = replace(known, readers=tuple(readers))
