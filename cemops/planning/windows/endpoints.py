"""The two layers of an IIS binding: which entry of http.sys answers for it, and who else depends on that entry.

``*`` of IIS is ``0.0.0.0`` in http.sys; ``[::]`` is an endpoint of its own. http.sys looks a connection's certificate
up in this order: exact address and port, SNI host name and port, central store, ``[::]`` (IPv6 only), ``0.0.0.0``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cemops.model.windows_observed import IisBinding, IisSite, ObservedWindows, SslEntry, SslKind

IIS_APP_ID = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
"""The application id that IIS gives its entries."""
ANY_IPV4 = "0.0.0.0"  # noqa: S104 - compared with a table, not bound
ANY_IPV6 = "[::]"


@dataclass(frozen=True)
class Endpoint:
    """A key of one of http.sys's three tables."""

    kind: SslKind
    name: str

    def __str__(self) -> str:
        return f"central store {self.name}" if self.kind == "ccs" else self.name


@dataclass(frozen=True)
class SiteBinding:
    """A binding and the name of its site."""

    site: str
    binding: IisBinding

    def __str__(self) -> str:
        return f"{self.binding.protocol} {self.binding.information} of the site {self.site}"

    @property
    def identity(self) -> tuple[str, str, str]:
        """What IIS knows it by; two bindings of one identity cannot be told apart in a removal."""
        return self.site.casefold(), self.binding.protocol.lower(), self.binding.information.lower()


def is_tls(binding: IisBinding) -> bool:
    """Tell whether a binding is HTTPS and has a port."""
    return binding.protocol.lower() == "https" and binding.port is not None


def catch_all(protocol: str, port: int) -> IisBinding:
    """Return the binding that cemops makes: every IPv4 address, one port, no host name."""
    return IisBinding(protocol, f"*:{port}:", 0, "*", port, "")


def endpoint_of(binding: IisBinding) -> Endpoint:
    """Return where http.sys looks for the certificate of an HTTPS binding first."""
    if binding.from_central_store:
        return Endpoint("ccs", str(binding.port))
    if binding.by_host_name and binding.host:
        return Endpoint("hostnameport", f"{binding.host.lower()}:{binding.port}")
    return Endpoint("ipport", f"{_address(binding.address)}:{binding.port}")


def _address(text: str) -> str:
    if text in ("", "*", ANY_IPV4):
        return ANY_IPV4
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return text.lower()
    return f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)


def endpoint_of_entry(entry: SslEntry) -> Endpoint:
    """Return the key of an entry, in the spelling of :func:`endpoint_of`."""
    return Endpoint(entry.kind, entry.endpoint.lower())


def has_thumbprint(entry: SslEntry, thumbprints: Iterable[str]) -> bool:
    """Tell whether an entry names one of these certificates (SHA-1, or SHA-256 on a newer Windows)."""
    return entry.thumbprint.upper() in {thumbprint.upper() for thumbprint in thumbprints}


def of_iis(entry: SslEntry) -> bool:
    """Tell whether an entry was made for IIS; another program's is never changed unasked."""
    return entry.app_id.lower() in ("", IIS_APP_ID)


class HttpSys:
    """What a machine's IIS and http.sys say together."""

    def __init__(self, observed: ObservedWindows) -> None:
        self._entries = {endpoint_of_entry(entry): entry for entry in observed.ssl_entries}
        self.sites: dict[str, IisSite] = {site.name.casefold(): site for site in observed.sites}

    def site(self, name: str) -> IisSite | None:
        """Return a site; IIS compares names without case."""
        return self.sites.get(name.casefold())

    @property
    def entries(self) -> tuple[SslEntry, ...]:
        """All certificate entries."""
        return tuple(self._entries.values())

    def bindings(self) -> Iterator[SiteBinding]:
        """Yield every binding of every site."""
        for site in self.sites.values():
            for binding in site.bindings:
                yield SiteBinding(site.name, binding)

    def contested(self, binding: SiteBinding) -> bool:
        """Tell whether another site has the same binding: only one of the two can start, and none is added again."""
        return any(
            other.identity[1:] == binding.identity[1:] for other in self.bindings() if other.site != binding.site
        )

    def stands_twice(self, binding: SiteBinding) -> bool:
        """Tell whether a site has a binding more than once."""
        return sum(other.identity == binding.identity for other in self.bindings()) > 1

    def entry(self, endpoint: Endpoint) -> SslEntry | None:
        """Return the entry of exactly this endpoint."""
        return self._entries.get(endpoint)

    def answering(self, binding: IisBinding) -> SslEntry | None:
        """Return the entry whose certificate a client of this binding gets: its own, else a wildcard's."""
        endpoint = endpoint_of(binding)
        wildcards = [Endpoint("ipport", f"{ANY_IPV4}:{binding.port}")]
        if binding.address.startswith("["):
            wildcards.insert(0, Endpoint("ipport", f"{ANY_IPV6}:{binding.port}"))
        if endpoint.kind == "hostnameport":
            wildcards.insert(0, Endpoint("ccs", str(binding.port)))
        found = (self.entry(one) for one in (endpoint, *wildcards))
        return next((entry for entry in found if entry is not None), None)

    def users(self, endpoint: Endpoint) -> tuple[SiteBinding, ...]:
        """Return the HTTPS bindings that this endpoint answers for, or would answer for if it had an entry."""
        return tuple(used for used in self.bindings() if is_tls(used.binding) and self._uses(used.binding, endpoint))

    def _uses(self, binding: IisBinding, endpoint: Endpoint) -> bool:
        if endpoint_of(binding) == endpoint:
            return True
        answering = self.answering(binding)
        return answering is not None and endpoint_of_entry(answering) == endpoint
