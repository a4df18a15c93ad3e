"""Certificate revocation lists of local authorities.

An expired CRL shuts out every agent of its authority (ENGINEERING.md, httpd 6), so a CRL is reissued long
before its next update. An existing CRL is extended, never started afresh (CE-08): its entries and the
register's go into the new one, whose number is higher than any before (RFC 5280, 5.2.3).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from cemops.errors import PkiError
from cemops.model.counting import counted
from cemops.pki.inspection import certificate_facts, crl_facts, crl_number, read_crl, signed_by, translated
from cemops.pki.issuing import CLOCK_SKEW, Issuer, authority_key_identifier
from cemops.pki.revocations import Register, Revocation, read_register, write_register

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemops.model.certificates import CertificateFacts, CrlFacts
    from cemops.pki.folder import PkiFolder

CRL_REISSUE_DAYS = 30
"""A CRL with fewer days left to its next update is reissued by the next apply. Under 14 days the preflight
warns (DESIGN.md, Revocation): an estate that is applied every two weeks never sees that warning."""
_REISSUE_SHARE = 3
"""A short-lived CRL is reissued in the last third of its life instead, else every apply would make a new
one."""


def crl_of(pki: PkiFolder, authority: str, bundle: Sequence[CertificateFacts]) -> CrlFacts | None:
    """State what the CRL of a local authority says; None if there is none. ``bundle``: possible signers."""
    path = pki.crl(authority)
    return crl_facts(read_crl(path), bundle, str(path)) if pki.has(path) else None


def is_due(crl: CrlFacts | None, now: datetime) -> bool:
    """Tell whether a CRL must be made: there is none, or its next update is near."""
    if crl is None or crl.next_update is None:
        return True
    margin = min(timedelta(days=CRL_REISSUE_DAYS), (crl.next_update - crl.this_update) / _REISSUE_SHARE)
    return crl.next_update - now < margin


def unlisted(pki: PkiFolder, authority: str, serials: Sequence[int]) -> tuple[int, ...]:
    """Return those of ``serials``, and of the register's, that the authority's CRL does not list."""
    register = read_register(pki, authority)
    known = () if register is None else tuple(entry.serial for entry in register.revoked)
    wanted = dict.fromkeys((*serials, *known))
    path = pki.crl(authority)
    if not pki.has(path):
        return tuple(wanted)
    crl = read_crl(path)
    with translated(f"{path} is damaged: restore it from the backup of the pki folder"):
        listed = {entry.serial_number for entry in crl}
    return tuple(serial for serial in wanted if serial not in listed)


def issue_crl(  # noqa: PLR0913, PLR0917 - who, with what, for how long, when, and whom
    pki: PkiFolder, authority: str, issuer: Issuer, valid_days: int, now: datetime, revoke: Sequence[int] = ()
) -> tuple[str, ...]:
    """Make the next CRL of a local authority, with ``revoke`` (serials) added; say what was made.

    The caller holds the folder's lock.
    """
    path = pki.crl(authority)
    previous = read_crl(path) if pki.has(path) else None
    if previous is not None and not signed_by(previous, certificate_facts(issuer.certificate)):
        raise PkiError(
            f"{path} is not signed by the authority {authority}: restore it from the backup of the pki folder"
        )
    with translated(f"{path} is damaged: restore it from the backup of the pki folder"):
        register = _extended(pki, authority, previous, revoke, now)
    write_register(pki, authority, register)
    with translated(f"pki.crl_valid_days: {valid_days} days from now cannot be said in a CRL: lower it"):
        next_update = now + timedelta(days=valid_days)
        crl = _build(issuer, register, previous, now, next_update)
    pki.write(path, crl.public_bytes(serialization.Encoding.PEM))
    what = f"CRL {register.crl_number} of the authority {authority} with {counted(len(crl), 'entry', 'entries')}"
    return (f"made {what}, next update {next_update:%Y-%m-%d}",)


def _extended(
    pki: PkiFolder,
    authority: str,
    previous: x509.CertificateRevocationList | None,
    revoke: Sequence[int],
    now: datetime,
) -> Register:
    register = read_register(pki, authority)
    if register is None and previous is None:
        raise PkiError(
            f"{pki.revocations(authority)} and {pki.crl(authority)} are both missing, and a CRL is "
            "never started afresh (CE-08): restore the pki folder from its backup"
        )
    register = register or Register(0, ())
    entries = {entry.serial: entry for entry in register.revoked}
    if previous is not None:
        for listed in previous:
            entries.setdefault(listed.serial_number, Revocation(listed.serial_number, listed.revocation_date_utc))
    for serial in revoke:
        entries.setdefault(serial, Revocation(serial, now.astimezone(UTC).replace(microsecond=0)))
    last = max(register.crl_number, (crl_number(previous) or 0) if previous is not None else 0)
    return replace(register, crl_number=last + 1, revoked=tuple(entries.values()))


def _build(
    issuer: Issuer,
    register: Register,
    previous: x509.CertificateRevocationList | None,
    now: datetime,
    next_update: datetime,
) -> x509.CertificateRevocationList:
    listed = {} if previous is None else {entry.serial_number: entry for entry in previous}
    # What was listed stays as it was, with its reason. Given at once: added one by one, 100,000 entries take 20 s.
    entries = [listed.get(entry.serial) or _entry(entry) for entry in register.revoked]
    builder = (
        x509.CertificateRevocationListBuilder(revoked_certificates=entries)
        .issuer_name(issuer.certificate.subject)
        .last_update(now - CLOCK_SKEW)
        .next_update(next_update)
        .add_extension(x509.CRLNumber(register.crl_number), critical=False)
        .add_extension(authority_key_identifier(issuer.certificate), critical=False)
    )
    return builder.sign(issuer.key, hashes.SHA256())


def _entry(entry: Revocation) -> x509.RevokedCertificate:
    return x509.RevokedCertificateBuilder().serial_number(entry.serial).revocation_date(entry.date).build()
