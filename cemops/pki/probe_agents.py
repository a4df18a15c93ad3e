"""The agents that the probe plays: an entitled one, an expired one, a revoked one, and one of an unknown authority.

The first three are issued by a local authority and kept in ``pki/``. The last is made anew each time, in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from cryptography.exceptions import InvalidSignature

from cemops.pki.authorities import certificate_pem
from cemops.pki.inspection import certificate_facts, read_certificate
from cemops.pki.issuing import (
    Issuer,
    Validity,
    agent_certificate,
    agent_validity,
    expired_validity,
    new_leaf_key,
    self_signed_authority,
    within,
)
from cemops.pki.keyed_certificate import (
    KeyedCertificate,
    PrivateKey,
    encrypted_key_pem,
    key_matches,
    keyed,
    read_encrypted_key,
)

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from pydantic import SecretStr

    from cemops.pki.folder import PkiFolder

Role = Literal["agent", "expired", "revoked"]
ROLES: tuple[Role, ...] = ("agent", "expired", "revoked")

RENEW_BEFORE = timedelta(days=30)
"""An agent certificate with fewer days left is made anew."""
_WORTH_RENEWING = timedelta(days=1)
_PREFIX = "cemops probe"


@dataclass(frozen=True)
class _Stored:
    certificate: x509.Certificate
    key: PrivateKey


def make_agents(  # noqa: PLR0913 - for whom, with what, when
    pki: PkiFolder, authority: str, issuer: Issuer, passphrase: SecretStr, now: datetime
) -> tuple[tuple[str, ...], int]:
    """Make the missing or outlived agents of an authority; return sentences, and the serial that must be revoked.

    The caller holds the folder's lock, and puts the serial on the authority's CRL.
    """
    made = [role for role in ROLES if not _is_good(pki, authority, role, issuer, passphrase, now)]
    for role in made:
        _make(pki, authority, role, issuer, passphrase, now)
    sentences = (f"made agent certificates for the probe, issued by {authority}: {', '.join(made)}",) if made else ()
    return sentences, read_certificate(pki.agent(authority, "revoked").certificate).serial_number


def stored_agent(pki: PkiFolder, authority: str, role: Role, passphrase: SecretStr) -> KeyedCertificate | None:
    """Return an agent of a local authority from ``pki/``; None where it is not made yet, or only half."""
    stored = _read(pki, authority, role, passphrase)
    return None if stored is None else keyed(stored.certificate, stored.key)


def revoked_serial(pki: PkiFolder, authority: str) -> int | None:
    """Return the serial of the revoked agent of a local authority, None where there is none yet."""
    path = pki.agent(authority, "revoked").certificate
    return read_certificate(path).serial_number if pki.has(path) else None


def unknown_agent(now: datetime) -> KeyedCertificate:
    """Make an agent of an authority that no gateway knows. Nothing of it is kept."""
    authority_key = new_leaf_key()
    validity = Validity(agent_validity(now).not_before, now + timedelta(days=1))
    authority = self_signed_authority(f"{_PREFIX} unknown authority", authority_key, validity)
    key = new_leaf_key()
    issuer = Issuer(authority, authority_key)
    return keyed(agent_certificate(f"{_PREFIX} stranger", key, within(validity, issuer), issuer), key)


def _make(  # noqa: PLR0913 - as make_agents, and which
    pki: PkiFolder, authority: str, role: Role, issuer: Issuer, passphrase: SecretStr, now: datetime
) -> None:
    entry = pki.agent(authority, role)
    key = new_leaf_key()
    certificate = agent_certificate(f"{_PREFIX} {role}", key, _validity(role, issuer, now), issuer)
    # An agent is nobody's pinned identity: a pair that a crash left unmatched is simply made again.
    pki.write(entry.key, encrypted_key_pem(key, passphrase))
    pki.write(entry.certificate, certificate_pem(certificate))


def _validity(role: Role, issuer: Issuer, now: datetime) -> Validity:
    # The expired one may begin before its authority does: verifiers do not compare the two.
    return expired_validity(now) if role == "expired" else within(agent_validity(now), issuer)


def _is_good(  # noqa: PLR0913 - as make_agents, and which
    pki: PkiFolder, authority: str, role: Role, issuer: Issuer, passphrase: SecretStr, now: datetime
) -> bool:
    stored = _read(pki, authority, role, passphrase)
    if stored is None:
        return False
    try:
        stored.certificate.verify_directly_issued_by(issuer.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    not_after = stored.certificate.not_valid_after_utc
    if role == "expired":
        return not_after < now
    best = _validity(role, issuer, now).not_after
    return not_after - now >= RENEW_BEFORE or best - not_after < _WORTH_RENEWING


def _read(pki: PkiFolder, authority: str, role: Role, passphrase: SecretStr) -> _Stored | None:
    entry = pki.agent(authority, role)
    if not (pki.has(entry.certificate) and pki.has(entry.key)):
        return None
    certificate = read_certificate(entry.certificate)
    key = read_encrypted_key(entry.key, passphrase)
    if not key_matches(key, certificate_facts(certificate, str(entry.certificate))):
        return None
    return _Stored(certificate, key)
