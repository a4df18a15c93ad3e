"""What PKI holds of the certificates that Windows servers need: facts only, no key and no password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cemops.model.certificates import CertificateFacts


@dataclass(frozen=True)
class ServerCertificateMaterial:
    """The certificate that the estate declares for one purpose of one server.

    ``purpose`` is ``https``, ``cem``, ``agent-site``, ``console`` or ``gateway``. What is needed and absent (a file, a
    passphrase) stands in ``problem`` as a sentence with its repair: an error of the plan, never a guess.
    """

    purpose: str
    kind: Literal["self_signed", "issued_by", "pfx", "thumbprint"]
    names: tuple[str, ...]
    """Every name that it must carry, the server's FQDN first (NS-01, CE-02)."""
    facts: CertificateFacts | None = None
    """What the operator's side holds; None: nothing yet, or a vendor's authority, or only a thumbprint is declared."""
    chain: tuple[CertificateFacts, ...] = ()
    """Intermediates and root that go with it; the root is self-signed."""
    issuer: CertificateFacts | None = None
    """Certificate of the declared authority, where it is known."""
    issuer_name: str | None = None
    issuer_subject: str | None = None
    """Subject of a local authority that is not made yet (RFC 4514 text)."""
    vendor: bool = False
    """The authority is the vendor's own (CE-11): cemops makes nothing, a fitting certificate in the store is used."""
    can_make: bool = False
    """Apply can make one: self-signed, or a local authority."""
    thumbprint: str | None = None
    """Declared thumbprint (SHA-1 or SHA-256, upper-case hex)."""
    problem: str | None = None
