"""A Windows machine as the planners of its bindings ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import ObservedWindows, SslEntry, StoredCertificateFound
from cemops.planning.windows.endpoints import HttpSys
from cemops.planning.windows.server_certificate import thumbprints


@dataclass(frozen=True)
class Machine:
    """One observed machine, its name in the estate, and the operator's clock."""

    host: str
    observed: ObservedWindows
    now: datetime
    gateway_thumbprints: Mapping[str, str] = field(default_factory=dict)
    """Thumbprints that no site may serve, and whose they are (NS-04)."""
    arriving: tuple[CertificateFacts, ...] = ()
    """Certificates that this very plan imports into My: they count as stored for every purpose but their own."""

    @cached_property
    def http_sys(self) -> HttpSys:
        """What IIS and http.sys say together."""
        return HttpSys(self.observed)

    def site_name(self, declared: str) -> str:
        """Return a site's name as IIS writes it; the declared one where there is no such site."""
        site = self.http_sys.site(declared)
        return declared if site is None else site.name

    @property
    def coming(self) -> tuple[StoredCertificateFound, ...]:
        """What My holds once this plan is done."""
        arriving = (StoredCertificateFound(facts, has_private_key=True) for facts in self.arriving)
        return (*self.observed.personal(), *arriving)

    def certificate_of(self, entry: SslEntry) -> CertificateFacts | None:
        """Return the certificate that an entry names, where it is in the computer's store My."""
        return next((one.facts for one in self.observed.personal() if entry.thumbprint in thumbprints(one.facts)), None)

    def serves(self, entry: SslEntry) -> bool:
        """Tell whether an entry's certificate can serve: in My with its key, or in a store that was not read."""
        return _serves(entry, self.observed.personal())

    def will_serve(self, entry: SslEntry) -> bool:
        """Tell whether an entry's certificate can serve once this plan's imports are done."""
        return _serves(entry, self.coming)


def _serves(entry: SslEntry, personal: tuple[StoredCertificateFound, ...]) -> bool:
    if entry.kind == "ccs" or entry.store.casefold() != "my":
        return True
    return any(one.has_private_key and entry.thumbprint in thumbprints(one.facts) for one in personal)
