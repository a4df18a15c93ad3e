"""Who is reached where: what the estate's sections say together.

Every function takes an estate whose references hold; a name that is not there raises ``UnknownNameError``.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cemops.errors import CemopsError
from cemops.model.gateways import ListedNotificationServer
from cemops.model.web import WebConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cemops.model.authorities import Authority
    from cemops.model.credentials import Credential
    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway, ListedServer
    from cemops.model.notification_servers import NotificationServer
    from cemops.model.policies import Policy
    from cemops.model.security_manager_plus import SecurityManagerPlus
    from cemops.model.site_servers import SiteServer, SiteServerSettings

ServerKind = Literal["notification_server", "site_server"]


class UnknownNameError(CemopsError):
    """A name stands for nothing in the estate."""


@dataclass(frozen=True)
class Target:
    """One entry of a gateway's allow-list (IG-02): what an agent asks for, and which server that is."""

    server: str
    """Name of the server in the estate."""
    kind: ServerKind
    host: str
    """Host name, lower case."""
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def notification_server(estate: Estate, name: str) -> NotificationServer:
    """Find a Notification Server by its name. Raises UnknownNameError."""
    found = estate.notification_server_by_name.get(name)
    if found is not None:
        return found
    raise UnknownNameError(f"there is no Notification Server {name}: declare it in notification_servers")


def site_server(estate: Estate, name: str) -> SiteServer:
    """Find a site server by its name. Raises UnknownNameError."""
    found = estate.site_server_by_name.get(name)
    if found is not None:
        return found
    raise UnknownNameError(f"there is no site server {name}: declare it in site_servers")


def gateway(estate: Estate, name: str) -> Gateway:
    """Find a gateway by its name. Raises UnknownNameError."""
    for candidate in estate.gateways:
        if candidate.name == name:
            return candidate
    raise UnknownNameError(f"there is no gateway {name}: declare it in gateways")


def authority(estate: Estate, name: str) -> Authority:
    """Find an authority by its name. Raises UnknownNameError."""
    if name not in estate.authorities:
        raise UnknownNameError(f"there is no authority {name}: declare it in authorities")
    return estate.authorities[name]


def credential(estate: Estate, name: str) -> Credential:
    """Find a credential by its name. Raises UnknownNameError."""
    if name not in estate.credentials:
        raise UnknownNameError(f"there is no credential {name}: declare it in credentials")
    return estate.credentials[name]


def settings_of(estate: Estate, notification_server_name: str) -> SiteServerSettings | None:
    """Give the global site server settings of an NS (SS-01), None where none are declared."""
    return estate.settings_by_server.get(notification_server_name)


def effective_web(estate: Estate, server: SiteServer) -> WebConfiguration:
    """Give the web configuration that holds for a site server (SS-02).

    Its own section while that is enabled, as a whole; else the settings of its NS; else the defaults.
    """
    override = server.overrides.web
    if override is not None and override.enabled:
        return override
    settings = settings_of(estate, server.notification_server)
    return WebConfiguration() if settings is None else settings.web


def effective_persistent_connection(estate: Estate, server: SiteServer) -> bool:
    """Tell whether a site server keeps connections open (SS-02, SS-14)."""
    override = server.overrides.persistent_connection
    if override is not None and override.enabled:
        return override.persistent_connection
    settings = settings_of(estate, server.notification_server)
    return settings is not None and settings.persistent_connection


def allow_list(estate: Estate, gateway: Gateway) -> tuple[Target, ...]:
    """Give what agents may reach through a gateway (IG-02): each allowed name of each listed server.

    In the order of the file; names of one server in the order fqdn, alternate FQDN, aliases, further names;
    nothing twice.
    """
    return _once(target for listed in gateway.servers for target in targets_of(estate, listed))


def canonical_targets(estate: Estate, gateway: Gateway) -> tuple[Target, ...]:
    """Give one target for each listed server: its FQDN."""
    return _once(targets_of(estate, listed)[0] for listed in gateway.servers)


def _once(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(targets))


def targets_of(estate: Estate, listed: ListedServer) -> tuple[Target, ...]:
    """Give the targets of one entry of an allow-list, the server's FQDN first. Raises UnknownNameError."""
    names: tuple[str | None, ...]
    if isinstance(listed, ListedNotificationServer):
        ns = notification_server(estate, listed.notification_server)
        names = (ns.fqdn, ns.agent_site.alternate_fqdn, *ns.aliases, *listed.also_known_as)
        port = ns.agent_site.port
    else:
        server = site_server(estate, listed.site_server)
        names = (server.fqdn, *listed.also_known_as)
        port = effective_web(estate, server).cem.port
    return tuple(Target(listed.server, listed.kind, host, port) for host in names if host is not None)


def has_server(estate: Estate, listed: ListedServer) -> bool:
    """Tell whether an entry of an allow-list names a server that is declared."""
    if listed.kind == "notification_server":
        return listed.server in estate.notification_server_by_name
    return listed.server in estate.site_server_by_name


def served_notification_servers(estate: Estate, gateway: Gateway) -> tuple[str, ...]:
    """Name every NS whose agents use a gateway: it is listed, or one of its site servers is."""
    return tuple(
        dict.fromkeys(
            listed.notification_server
            if isinstance(listed, ListedNotificationServer)
            else site_server(estate, listed.site_server).notification_server
            for listed in gateway.servers
        )
    )


def client_authorities(estate: Estate, gateway: Gateway) -> tuple[str, ...]:
    """Name the authorities whose agents a gateway lets in (C-01): each served NS's root, once."""
    return tuple(
        dict.fromkeys(
            notification_server(estate, name).root_authority for name in served_notification_servers(estate, gateway)
        )
    )


def policies_naming(estate: Estate, gateway_name: str) -> tuple[Policy, ...]:
    """Give the policies that send agents to a gateway."""
    return tuple(policy for policy in estate.policies if gateway_name in policy.gateways)


def dial_address(gateway: Gateway) -> str:
    """Give the address where probe and outside check dial: the public one, else the connection's.

    Raises UnknownNameError where neither is declared.
    """
    if gateway.public_address is not None:
        return gateway.public_address
    if gateway.connection is not None:
        return gateway.connection.address
    raise UnknownNameError(f"gateway {gateway.name} has no address: add public_address or a connection")


def is_on_loopback(gateway: Gateway) -> bool:
    """Tell whether a gateway is dialled and managed on loopback: a lab, not the Internet."""
    addresses = [dial_address(gateway)]
    if gateway.connection is not None:
        addresses.append(gateway.connection.address)
    return all(_is_loopback(address) for address in addresses)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def host_groups(estate: Estate) -> dict[str, tuple[str, ...]]:
    """Name the machines that cemops manages, by section: those with a connection, in order of the file."""
    sections: dict[str, tuple[NotificationServer | SiteServer | Gateway | SecurityManagerPlus, ...]] = {
        "notification_servers": estate.notification_servers,
        "site_servers": estate.site_servers,
        "gateways": estate.gateways,
        "security_manager_plus": estate.security_manager_plus,
    }
    groups = {
        name: tuple(machine.name for machine in machines if machine.connection is not None)
        for name, machines in sections.items()
    }
    return {name: machines for name, machines in groups.items() if machines}
