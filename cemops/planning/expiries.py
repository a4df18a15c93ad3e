"""What runs out on a host, as far as its observation shows: certificates that serve or are trusted, and CRLs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import ObservedWindows
from cemops.planning.revocation import LiveTrust

Use = Literal["gateway", "client_ca", "http_sys", "crl"]
"""A gateway's certificate (IG-06), a CA whose agents it lets in (C-01), that of a binding (CE-04), a CRL (CE-08)."""


@dataclass(frozen=True)
class Expiry:
    """One thing that runs out at ``at`` (aware, UTC). ``name`` is its common name, or its subject, or its issuer's."""

    host: str
    use: Use
    name: str
    at: datetime
    endpoint: str = ""
    """Of a binding of http.sys, as it writes it: ``0.0.0.0:443``."""
    sha1: str = ""
    """Thumbprint of a certificate; a CRL has none that stays."""

    def days(self, now: datetime) -> float:
        """Return the days that are left at ``now``; below 0 where it has run out."""
        return (self.at - now) / timedelta(days=1)


def gateway_expiries(host: str, live: LiveTrust) -> Iterator[Expiry]:
    """Give what runs out on a gateway: its certificate, its client CAs, their CRLs (without a next update: never)."""
    if live.certificate is not None:
        yield _of_certificate(host, "gateway", live.certificate)
    for authority in live.authorities:
        yield _of_certificate(host, "client_ca", authority)
    for crl in live.crls:
        if crl.next_update is not None:
            yield Expiry(host, "crl", crl.issuer, crl.next_update)


def binding_expiries(host: str, observed: ObservedWindows) -> Iterator[Expiry]:
    """Give the certificates that http.sys names and that are in their store; one for each endpoint."""
    stored = {
        (store.lower(), found.facts.sha1): found.facts
        for store, certificates in observed.stores.items()
        for found in certificates or ()
    }
    for entry in observed.ssl_entries:
        facts = stored.get((entry.store.lower(), entry.thumbprint))
        if facts is not None:
            yield _of_certificate(host, "http_sys", facts, entry.endpoint)


def soonest(expiries: Iterable[Expiry]) -> tuple[Expiry, ...]:
    """Leave of those that nothing but the time tells apart the one that is first; in the order given."""
    first: dict[tuple[str, ...], Expiry] = {}
    for one in expiries:
        key = (one.host, one.use, one.name, one.endpoint, one.sha1)
        if key not in first or one.at < first[key].at:
            first[key] = one
    return tuple(first.values())


def _of_certificate(host: str, use: Use, facts: CertificateFacts, endpoint: str = "") -> Expiry:
    return Expiry(host, use, facts.common_name or facts.subject, facts.not_after, endpoint, facts.sha1)
