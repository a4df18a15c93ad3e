"""Where a certificate comes from: made, issued, imported, or already there. Exactly one of the four forms."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Tag

from cemops.model.choices import one_key_of
from cemops.model.section import Section
from cemops.model.values import (
    EstatePath,
    ObjectName,
    SecretReference,
    Thumbprint,
    Years,
)

SELF_SIGNED_VALID_YEARS = 5
"""Chosen by cemops: long, because a change of the gateway's thumbprint cuts agents off (IG-06, CE-05)."""


class SelfSignedTerms(Section):
    """What a self-signed certificate is made with."""

    valid_years: Years = SELF_SIGNED_VALID_YEARS
    """Years from its creation to its expiry."""


class SelfSigned(Section):
    """Self-signed: the gateway's default (IG-06)."""

    kind: ClassVar[Literal["self_signed"]] = "self_signed"
    self_signed: SelfSignedTerms
    """A fitting live certificate satisfies this; one is made only where there is none."""


class PfxFile(Section):
    """A certificate with its key and chain in a ``.pfx`` file (CE-02)."""

    kind: ClassVar[Literal["pfx"]] = "pfx"
    pfx: EstatePath
    """The PKCS#12 file."""
    password: SecretReference | None = None
    """Reference to the file's password; none only where the file has none."""


class IssuedBy(Section):
    """Issued by an authority of this estate."""

    kind: ClassVar[Literal["issued_by"]] = "issued_by"
    issued_by: ObjectName
    """Name of an entry of ``authorities``."""


class StoredCertificate(Section):
    """Already on the machine; cemops only checks that it is this one."""

    kind: ClassVar[Literal["thumbprint"]] = "thumbprint"
    thumbprint: Thumbprint
    """SHA-1 or SHA-256 thumbprint."""


CertificateSource = Annotated[
    Annotated[SelfSigned, Tag("self_signed")]
    | Annotated[PfxFile, Tag("pfx")]
    | Annotated[IssuedBy, Tag("issued_by")]
    | Annotated[StoredCertificate, Tag("thumbprint")],
    Discriminator(
        one_key_of("self_signed", "pfx", "issued_by", "thumbprint"),
        custom_error_type="one_of_these",
        custom_error_message="say exactly one of: self_signed, pfx, issued_by, thumbprint",
    ),
]
"""Where a certificate comes from: exactly one of ``self_signed``, ``pfx``, ``issued_by``, ``thumbprint``."""
