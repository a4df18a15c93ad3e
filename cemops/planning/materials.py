"""What PKI contributes to the plan of one gateway: facts about certificates and CRLs, never a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.planning.certificate_fitness import SourceKind


@dataclass(frozen=True)
class AuthorityMaterial:
    """One authority whose agents the gateway lets in (C-01): its certificate and its CRL, as far as they exist.

    ``certificate`` and ``crl`` are None where apply will make them (``will_make_certificate``/``will_make_crl``,
    "known after apply") or where nothing is declared.
    """

    name: str
    source: Literal["local", "vendor", "external"]
    certificate: CertificateFacts | None
    crl: CrlFacts | None
    common_name: str | None = None
    """The declared common name of a ``local`` authority."""
    will_make_certificate: bool = False
    will_make_crl: bool = False


@dataclass(frozen=True)
class GatewayCertificateMaterial:
    """The gateway's own certificate as the operator's side knows it (IG-06).

    ``kind`` is the declared way. ``facts`` is what ``pki/`` (self_signed, issued_by), the .pfx or the backup holds;
    None where nothing is there yet. ``thumbprint`` is set for kind ``thumbprint`` alone: the live one must have it.
    """

    kind: SourceKind
    facts: CertificateFacts | None
    chain: tuple[CertificateFacts, ...] = ()
    """Intermediate certificates to send with it, leaf's issuer first."""
    thumbprint: str | None = None
    issuer: CertificateFacts | None = None
    """For ``issued_by``: the authority's certificate, if it exists."""
    issuer_subject: str | None = None
    """For ``issued_by`` a local authority that is not made yet: the RFC 4514 subject that it will have."""
    can_make: bool = False
    """Whether apply can make one: self-signed, or issued by a local authority."""
    recorded: CertificateFacts | None = None
    """What the last confirmed apply from here left serving."""


@dataclass(frozen=True)
class GatewayMaterials:
    """Everything of PKI that one gateway's plan needs."""

    gateway: str
    authorities: tuple[AuthorityMaterial, ...]
    certificate: GatewayCertificateMaterial
