"""Whether a certificate can serve a gateway: its name, its validity, its use and its issuer (CE-02, IG-06).

Every function returns all reasons why not, as clauses for people; none means that it fits. Not handled here:
signatures (``pki`` checks them when it reads), and whether agents trust the issuer (CE-10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from cemops.model.certificates import CertificateFacts

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
"""CE-02: extended key usage serverAuth (RFC 5280, 4.2.1.12)."""
ANY_USAGE = "2.5.29.37.0"

SourceKind = Literal["self_signed", "issued_by", "pfx", "thumbprint", "backup"]
"""How a certificate is declared; ``backup``: it is restored from one (IG-11)."""


def fits(
    facts: CertificateFacts, fqdn: str, now: datetime, *, kind: SourceKind, issuer: CertificateFacts | None
) -> tuple[str, ...]:
    """Return the reasons why a certificate cannot be put on a gateway; none where it can.

    ``issuer`` is the authority that must have issued it (kind ``issued_by``); None where it is not known.
    """
    return (
        *name_problems(facts, fqdn),
        *validity_problems(facts, now),
        *use_problems(facts),
        *issuer_problems(facts, kind, issuer),
    )


def name_problems(facts: CertificateFacts, fqdn: str) -> tuple[str, ...]:
    """Say whether the certificate is for another name; a wildcard covers one label (RFC 6125, 6.4.3)."""
    # CE-02: "subject or SAN equals the server's FQDN"; IG-06: "whose subject is the external name".
    names = (*facts.dns_names, *((facts.common_name,) if facts.common_name else ()))
    if any(_covers(name.lower().rstrip("."), fqdn.lower().rstrip(".")) for name in names):
        return ()
    listed = ", ".join(dict.fromkeys(names)) or "no name"
    return (f"it is for {listed}, not for {fqdn}",)


def _covers(name: str, fqdn: str) -> bool:
    """Compare as RFC 6125, 6.4.3: ``*`` stands for the whole first label and for one label only."""
    if name == fqdn:
        return True
    star, dot, domain = name.partition(".")
    label, _, rest = fqdn.partition(".")
    return bool(star == "*" and dot and "." in domain and label) and domain == rest


def validity_problems(facts: CertificateFacts, now: datetime) -> tuple[str, ...]:
    """Say whether the certificate has run out or is not valid yet."""
    if now > facts.not_after:
        return (f"it expired on {facts.not_after:%Y-%m-%d}",)
    if now < facts.not_before:
        return (f"it is not valid before {facts.not_before:%Y-%m-%d %H:%M} UTC",)
    return ()


def use_problems(facts: CertificateFacts) -> tuple[str, ...]:
    """Say whether the certificate is meant for another use than a TLS server's."""
    usages = facts.extended_key_usages
    problems = []
    if usages and SERVER_AUTH not in usages and ANY_USAGE not in usages:
        problems.append("it is not for servers: extended key usage serverAuth is missing")
    # A self-signed certificate made with `openssl req -x509` says CA:TRUE, and serves well.
    if facts.is_ca and facts.subject != facts.issuer:
        problems.append("it is an authority's certificate, not a server's")
    return tuple(problems)


def issuer_problems(facts: CertificateFacts, kind: SourceKind, issuer: CertificateFacts | None) -> tuple[str, ...]:
    """Say whether another than the declared issuer issued the certificate; ``issuer`` None: not known."""
    if kind == "self_signed" and facts.subject != facts.issuer:
        return (f"it is not self-signed, but issued by {facts.issuer}",)
    if kind == "issued_by" and issuer is not None and facts.issuer != issuer.subject:
        return (f"it is issued by {facts.issuer}, not by {issuer.subject}",)
    return ()
