"""What the planner needs to know of certificates and CRLs: plain facts, without a library's objects.

``cemops.pki`` reads X.509 and fills these in; ``planning`` and ``rules`` compare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class CertificateFacts:
    """One certificate. Thumbprints are upper-case hex without separators (CE-04); times are aware, in UTC."""

    pem: str
    subject: str
    """RFC 4514 text of the subject."""
    common_name: str | None
    dns_names: tuple[str, ...]
    """DNS names of the subject alternative name, lower case; empty where there is none."""
    issuer: str
    serial: int
    not_before: datetime
    not_after: datetime
    sha1: str
    sha256: str
    public_key_sha256: str
    """Lower-case hex SHA-256 of the SubjectPublicKeyInfo (DER): equal for a certificate and its key."""
    key_type: str
    """For people: ``RSA-2048``, ``EC P-256``."""
    is_ca: bool
    extended_key_usages: tuple[str, ...]
    """Dotted OIDs."""


@dataclass(frozen=True)
class CrlFacts:
    """One CRL. ``signed_by`` is the SHA-256 thumbprint of the CA of the bundle that signed it, None if none did."""

    pem: str
    issuer: str
    this_update: datetime
    next_update: datetime | None
    number: int | None
    revoked: int
    """How many certificates it lists."""
    sha256: str
    """Upper-case hex SHA-256 of the DER."""
    signed_by: str | None
