"""The agents that the probe plays: an entitled one, an expired, a revoked, and one of an unknown authority.

The first three are issued by a local authority and kept in ``pki/``. The last is made anew each time, in
memory.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.asymmetric import ec

from cemops.errors import PkiError
from cemops.pki.authorities import certificate_pem
from cemops.pki.inspection import issued_by, read_certificate
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
    encrypted_key_pem,
    keyed,
    read_encrypted_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
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


def outlived_agents(pki: PkiFolder, authority: str, certificate: x509.Certificate, now: datetime) -> tuple[Role, ...]:
    """Return which agents of a local authority (its ``certificate``) are missing or have to be made anew."""
    return tuple(role for role in ROLES if not _is_good(pki, authority, role, certificate, now))


def make_agents(  # noqa: PLR0913 - whose, which, with what, when
    pki: PkiFolder,
    authority: str,
    roles: Sequence[Role],
    issuer: Issuer,
    passphrase: SecretStr,
    *,
    now: datetime,
) -> tuple[str, ...]:
    """Make agents of a local authority; say what was made.

    The caller holds the lock, and revokes the revoked one.
    """
    for role in roles:
        key = new_leaf_key()
        certificate = agent_certificate(f"{_PREFIX} {role}", key, _validity(role, issuer.certificate, now), issuer)
        entry = pki.agent(authority, role)
        # The old certificate goes first: whatever a crash leaves, a key and a certificate together always
        # match.
        pki.remove(entry.certificate)
        pki.write(entry.key, encrypted_key_pem(key, passphrase))
        pki.write(entry.certificate, certificate_pem(certificate))
    return (f"made agent certificates for the probe, issued by {authority}: {', '.join(roles)}",) if roles else ()


def stored_agent(pki: PkiFolder, authority: str, role: Role, passphrase: SecretStr) -> KeyedCertificate | None:
    """Return an agent of a local authority from ``pki/``; None where it is not made yet, or only half."""
    entry = pki.agent(authority, role)
    if not (pki.has(entry.certificate) and pki.has(entry.key)):
        return None
    agent = keyed(read_certificate(entry.certificate), read_encrypted_key(entry.key, passphrase))
    if not agent.matches:
        raise PkiError(f"{entry.key} is not the key of {entry.certificate}: delete both and run `cemops apply`")
    return agent


def revoked_serial(pki: PkiFolder, authority: str) -> int | None:
    """Return the serial of the revoked agent of a local authority, None where there is none yet."""
    path = pki.agent(authority, "revoked").certificate
    return read_certificate(path).serial_number if pki.has(path) else None


def unknown_agent(now: datetime) -> KeyedCertificate:
    """Make an agent of an authority that no gateway knows. Nothing of it is kept."""
    # P-256, because a pair is made for every probe: RSA keys would take most of its time.
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    validity = Validity(agent_validity(now).not_before, now + timedelta(days=1))
    authority = self_signed_authority(f"{_PREFIX} unknown authority", authority_key, validity)
    issuer = Issuer(authority, authority_key)
    return keyed(agent_certificate(f"{_PREFIX} stranger", key, within(validity, authority), issuer), key)


def _validity(role: Role, authority: x509.Certificate, now: datetime) -> Validity:
    # The expired one may begin before its authority does: verifiers do not compare the two.
    return expired_validity(now) if role == "expired" else within(agent_validity(now), authority)


def _is_good(pki: PkiFolder, authority: str, role: Role, issuer: x509.Certificate, now: datetime) -> bool:
    entry = pki.agent(authority, role)
    if not (pki.has(entry.certificate) and pki.has(entry.key)):
        return False
    certificate = read_certificate(entry.certificate)
    if not issued_by(certificate, issuer):  # but by an authority that has been replaced since
        return False
    not_after = certificate.not_valid_after_utc
    if role == "expired":
        return not_after < now
    best = min(agent_validity(now).not_after, issuer.not_valid_after_utc)
    return not_after - now >= RENEW_BEFORE or best - not_after < _WORTH_RENEWING
