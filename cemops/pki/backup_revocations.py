"""What today's CRLs say of a backup: whom its own lists do not name, and whether its certificate is revoked (CE-08)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509

from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.model.estate import Estate
from cemops.pki.folder import estate_path, pki_folder
from cemops.pki.inspection import crl_from_bytes, read_crl, signed_by, translated


def todays_crls(estate: Estate, folder: Path) -> Iterator[tuple[str, x509.CertificateRevocationList]]:
    """Yield each authority's CRL, by the authority's name. Raises PkiError where a declared one cannot be read."""
    pki = pki_folder(estate, folder)
    for name, authority in estate.authorities.items():
        path = pki.crl(name) if authority.source == "local" else None
        if path is not None and pki.has(path):
            yield name, read_crl(path)
        elif authority.crl is not None:
            yield name, read_crl(estate_path(folder, authority.crl))


def forgotten(
    today: x509.CertificateRevocationList, authorities: Sequence[CertificateFacts], restored: Sequence[CrlFacts]
) -> int:
    """Count the certificates that are revoked today and would be let in by the restored lists."""
    signer = next((facts for facts in authorities if signed_by(today, facts)), None)
    if signer is None:
        return 0
    known: set[int] = set()
    for crl in restored:
        if crl.signed_by == signer.sha256:
            known |= _serials(crl_from_bytes(crl.pem.encode("ascii"), "the CRL in the backup"))
    return len(_serials(today) - known)


def is_revoked(today: x509.CertificateRevocationList, facts: CertificateFacts) -> bool:
    """Tell whether a list of its issuer names this certificate."""
    return today.issuer.rfc4514_string() == facts.issuer and facts.serial in _serials(today)


def _serials(crl: x509.CertificateRevocationList) -> set[int]:
    with translated("a CRL is damaged: restore it from the backup of the pki folder"):
        return {entry.serial_number for entry in crl}
