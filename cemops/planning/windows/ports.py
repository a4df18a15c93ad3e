"""Who else is on a binding's port: other sites that hold it, other protocols, and entries that answer before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cemops.model.windows_observed import IisBinding
from cemops.planning.changes import PlanWarning
from cemops.planning.windows.binding_views import ToBind
from cemops.planning.windows.desired import DesiredBinding
from cemops.planning.windows.endpoints import (
    ANY_IPV4,
    ANY_IPV6,
    Endpoint,
    HttpSys,
    SiteBinding,
    endpoint_of_entry,
    has_thumbprint,
    is_tls,
)
from cemops.planning.windows.placement import Placed
from cemops.planning.windows.plan import WindowsPlan


def holders(http_sys: HttpSys, desired: DesiredBinding, binding: IisBinding) -> tuple[SiteBinding, ...]:
    """Return the bindings of other sites that hold this binding's port: the same one, or another protocol's.

    A binding for another host name or another single address on the port is no holder: IIS serves both.
    """
    return tuple(
        other
        for other in http_sys.bindings()
        if other.site.casefold() != desired.site.casefold() and _collides(other.binding, binding)
    )


def own_other_protocol(http_sys: HttpSys, desired: DesiredBinding, binding: IisBinding) -> SiteBinding | None:
    """Return the site's own binding of another protocol on the port, if there is one: neither would serve."""
    return next(
        (
            other
            for other in http_sys.bindings()
            if other.site.casefold() == desired.site.casefold()
            and other.binding.port == binding.port
            and other.binding.protocol.lower() in ("http", "https")
            and other.binding.protocol.lower() != desired.protocol
        ),
        None,
    )


def port_problems(http_sys: HttpSys, placed: Placed, binding: IisBinding) -> WindowsPlan:
    """Judge the port of one binding: an error where it has to be made and cannot, else a warning; no changes."""
    desired = placed.desired
    problems = []
    other = own_other_protocol(http_sys, desired, binding)
    if other is not None:
        problems.append(
            f"{other} is on port {desired.port}, which is to carry {desired.purpose}: remove it, or declare another "
            "port"
        )
    for holder in holders(http_sys, desired, binding):
        if not desired.take_port:
            takeable = desired.purpose in ("https", "cem")
            repair = "set take_port to remove that binding" if takeable else "remove that binding"
            problems.append(
                f"port {desired.port} of {desired.purpose} is taken by {holder}: declare another port, or "
                f"{repair} (SS-05)"
            )
        elif http_sys.stands_twice(holder):
            return WindowsPlan(errors=(f"{holder} is there twice, and cannot be taken: remove one of the two in IIS",))
    if placed.binding is None:
        return WindowsPlan(errors=tuple(problems))
    return WindowsPlan(warnings=tuple(PlanWarning("port-contested", text, "SS-05") for text in problems))


def _collides(other: IisBinding, binding: IisBinding) -> bool:
    if other.port != binding.port or other.port is None:
        return False
    if other.protocol.lower() != binding.protocol.lower():
        return True
    return (other.address, other.host.lower()) == (binding.address, binding.host.lower())


def shadows(
    http_sys: HttpSys, desired: DesiredBinding, binding: IisBinding, endpoint: Endpoint, bound: ToBind
) -> Iterator[PlanWarning]:
    """Warn of entries for the same port whose other certificate some of the clients get instead."""
    for entry in http_sys.entries:
        other = endpoint_of_entry(entry)
        if other == endpoint or has_thumbprint(entry, bound.thumbprints):
            continue
        who = _shadowed(other, endpoint, binding, desired.names)
        if who is not None:
            yield PlanWarning(
                "shadowed-endpoint",
                f"{who} get the certificate {entry.thumbprint or 'of the central store'} of the http.sys entry "
                f"{other}, not that of {endpoint}: remove that entry or give it the same certificate",
                "SS-05",
            )


def _shadowed(other: Endpoint, endpoint: Endpoint, binding: IisBinding, names: Iterable[str]) -> str | None:
    """Say which clients of ``endpoint`` another entry answers; None: none of them."""
    host, _, port = other.name.rpartition(":")
    if port != str(binding.port):
        return None
    if other.kind == "ccs":
        return None if endpoint.kind == "hostnameport" else "clients that name a host of the central store"
    if other.kind == "hostnameport":
        named = host.lower() in {name.lower() for name in names}
        return f"clients that ask for {host}" if named and endpoint.kind == "ipport" else None
    if host == ANY_IPV4:
        return "clients that send no server name" if endpoint.kind == "hostnameport" else None
    if host == ANY_IPV6:
        ipv4 = binding.address not in ("*", "") and not binding.address.startswith("[")
        return None if ipv4 else "clients that come by IPv6"
    same_family = host.startswith("[") == endpoint.name.startswith("[") or endpoint.name.startswith(f"{ANY_IPV4}:")
    specific = endpoint.kind == "hostnameport" or endpoint.name.startswith((f"{ANY_IPV4}:", f"{ANY_IPV6}:"))
    return f"clients that come by the address {host}" if specific and same_family else None


def sharing(
    http_sys: HttpSys, endpoint: Endpoint, own: SiteBinding, gone: Iterable[SiteBinding]
) -> tuple[SiteBinding, ...]:
    """Return the other bindings whose certificate changes together with this endpoint's."""
    leaving = set(gone)
    return tuple(
        user for user in http_sys.users(endpoint) if user != own and user not in leaving and is_tls(user.binding)
    )
