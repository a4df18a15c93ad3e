"""Certificates of LocalMachine's stores. Only what is public comes over the wire: keys never leave the machine."""

from __future__ import annotations

import hashlib

from cemops.errors import PkiError
from cemops.execution.windows_state.reply import Fields, damaged
from cemops.model.windows_observed import StoredCertificateFound
from cemops.pki.inspection import certificate_facts, certificates_from_bytes

MAX_CERTIFICATE_BYTES = 64 * 1024
"""A certificate with some hundred names has 10 KB."""
MAX_STORE_CERTIFICATES = 5_000
"""A Windows machine that trusts every public root has about 450."""
_PEM_MARK = b"-----BEGIN"


def store_certificates(
    store: str, entries: tuple[Fields, ...], unreadable: list[str]
) -> tuple[StoredCertificateFound, ...]:
    """Read the certificates of one store; one that is not X.509 becomes a sentence in ``unreadable``."""
    if len(entries) > MAX_STORE_CERTIFICATES:
        damaged(f"the store {store} has more than {MAX_STORE_CERTIFICATES} certificates")
    found = (_certificate(store, entry, unreadable) for entry in entries)
    return tuple(certificate for certificate in found if certificate is not None)


def _certificate(store: str, entry: Fields, unreadable: list[str]) -> StoredCertificateFound | None:
    der = entry.decoded("der")
    has_private_key = entry.flag("has_private_key")
    friendly_name = entry.text_or_none("friendly_name") if "friendly_name" in entry else None
    readers = None if "readers" not in entry or entry.value("readers") is None else entry.texts("readers")
    thumbprint = hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
    source = f"the certificate {thumbprint} in LocalMachine\\{store}"
    if len(der) > MAX_CERTIFICATE_BYTES or _PEM_MARK in der:
        unreadable.append(f"{source} is no certificate in DER, or larger than {MAX_CERTIFICATE_BYTES} bytes")
        return None
    try:
        facts = certificate_facts(certificates_from_bytes(der, source)[0], source)
    except PkiError:
        unreadable.append(f"{source} cannot be read as X.509: cemops leaves it alone and never binds it")
        return None
    return StoredCertificateFound(facts, has_private_key, friendly_name or "", readers)
