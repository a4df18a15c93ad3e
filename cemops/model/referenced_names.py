"""Every name in the estate file that stands for something declared elsewhere in it, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cemops.model.certificate_sources import IssuedBy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.certificate_sources import CertificateSource
    from cemops.model.connections import Connection
    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.model.perimeter import FlowEnd
    from cemops.model.reference_problem import DocumentPath
    from cemops.model.web import WebConfiguration

Kind = Literal["credential", "authority", "resource target", "Notification Server", "site server", "gateway", "policy"]

SECTIONS: dict[Kind, str] = {
    "credential": "credentials",
    "authority": "authorities",
    "resource target": "resource_targets",
    "Notification Server": "notification_servers",
    "site server": "site_servers",
    "gateway": "gateways",
    "policy": "policies",
}
"""Where a thing of each kind is declared."""


@dataclass(frozen=True)
class Reference:
    """A name at a place, and what kind of thing it must be the name of."""

    path: DocumentPath
    kind: Kind
    name: str


def references(estate: Estate) -> Iterator[Reference]:
    """Give every reference of an estate, section after section."""
    for name, authority in estate.authorities.items():
        path: DocumentPath = ("authorities", name, "notification_server")
        yield from _optional(path, "Notification Server", authority.notification_server)
    yield from _of_notification_servers(estate)
    yield from _of_site_servers(estate)
    for i, gateway in enumerate(estate.gateways):
        yield from _of_gateway(("gateways", i), gateway)
    yield from _of_perimeter(estate)
    yield from _of_policies(estate)
    for i, server in enumerate(estate.security_manager_plus):
        here: DocumentPath = ("security_manager_plus", i)
        yield from _of_connection(here, server.connection)
        if server.nat_gateway is not None:
            yield from _of_connection((*here, "nat_gateway"), server.nat_gateway.connection)


def _of_notification_servers(estate: Estate) -> Iterator[Reference]:
    for i, server in enumerate(estate.notification_servers):
        here: DocumentPath = ("notification_servers", i)
        yield Reference((*here, "root_authority"), "authority", server.root_authority)
        yield from _optional((*here, "parent"), "Notification Server", server.parent)
        yield from _of_connection(here, server.connection)
        yield from _of_certificate((*here, "console_site", "certificate"), server.console_site.certificate)
        yield from _of_certificate((*here, "agent_site", "certificate"), server.agent_site.certificate)


def _of_site_servers(estate: Estate) -> Iterator[Reference]:
    for i, settings in enumerate(estate.site_server_settings):
        here: DocumentPath = ("site_server_settings", i)
        yield Reference((*here, "notification_server"), "Notification Server", settings.notification_server)
        yield from _of_web((*here, "web"), settings.web)
    for i, server in enumerate(estate.site_servers):
        here = ("site_servers", i)
        yield Reference((*here, "notification_server"), "Notification Server", server.notification_server)
        yield from _of_connection(here, server.connection)
        if server.overrides.web is not None:
            yield from _of_web((*here, "overrides", "web"), server.overrides.web)
    for i, site in enumerate(estate.internet_sites):
        here = ("internet_sites", i)
        yield Reference((*here, "notification_server"), "Notification Server", site.notification_server)
        yield from _each((*here, "resource_targets"), "resource target", site.resource_targets)
        yield from _each((*here, "site_servers"), "site server", site.site_servers)


def _of_gateway(here: DocumentPath, gateway: Gateway) -> Iterator[Reference]:
    yield from _of_connection(here, gateway.connection)
    for i, listed in enumerate(gateway.servers):
        kind: Kind = "Notification Server" if listed.kind == "notification_server" else "site server"
        yield Reference((*here, "servers", i, listed.kind), kind, listed.server)
    yield from _of_certificate((*here, "certificate"), gateway.certificate)
    for i, report in enumerate(gateway.status_reporting):
        yield Reference(
            (*here, "status_reporting", i, "notification_server"),
            "Notification Server",
            report.notification_server,
        )


def _of_perimeter(estate: Estate) -> Iterator[Reference]:
    for side, firewall in (("external", estate.perimeter.external), ("internal", estate.perimeter.internal)):
        if firewall is not None:
            yield from _of_connection(("perimeter", side), firewall.connection)
    for i, flow in enumerate(estate.perimeter.flows):
        yield from _of_flow_end(("perimeter", "flows", i, "from"), flow.source)
        yield from _of_flow_end(("perimeter", "flows", i, "to"), flow.to)
    for i, balancer in enumerate(estate.load_balancers):
        for k, virtual in enumerate(balancer.virtual_servers):
            yield Reference(("load_balancers", i, "virtual_servers", k, "gateway"), "gateway", virtual.gateway)


def _of_policies(estate: Estate) -> Iterator[Reference]:
    for i, profile in enumerate(estate.communication_profiles):
        here: DocumentPath = ("communication_profiles", i)
        yield Reference((*here, "notification_server"), "Notification Server", profile.notification_server)
        yield from _optional((*here, "policy"), "policy", profile.policy)
    for i, policy in enumerate(estate.policies):
        here = ("policies", i)
        yield Reference((*here, "notification_server"), "Notification Server", policy.notification_server)
        yield from _each((*here, "gateways"), "gateway", policy.gateways)
        yield from _each((*here, "resource_targets"), "resource target", policy.resource_targets)
    for i, package in enumerate(estate.offline_packages):
        here = ("offline_packages", i)
        yield Reference((*here, "notification_server"), "Notification Server", package.notification_server)
        yield Reference((*here, "policy"), "policy", package.policy)


def _of_connection(owner: DocumentPath, connection: Connection | None) -> Iterator[Reference]:
    if connection is not None:
        yield Reference((*owner, "connection", "credential"), "credential", connection.credential)


def _of_web(here: DocumentPath, web: WebConfiguration) -> Iterator[Reference]:
    yield from _of_certificate((*here, "https", "certificate"), web.https.certificate)
    yield from _of_certificate((*here, "cem", "certificate"), web.cem.certificate)


def _of_certificate(here: DocumentPath, certificate: CertificateSource | None) -> Iterator[Reference]:
    if isinstance(certificate, IssuedBy):
        yield Reference((*here, "issued_by"), "authority", certificate.issued_by)


def _of_flow_end(here: DocumentPath, end: FlowEnd) -> Iterator[Reference]:
    if end.kind == "gateway":
        yield Reference((*here, "gateway"), "gateway", end.gateway)
    elif end.kind == "notification_server":
        yield Reference((*here, "notification_server"), "Notification Server", end.notification_server)
    elif end.kind == "site_server":
        yield Reference((*here, "site_server"), "site server", end.site_server)


def _optional(path: DocumentPath, kind: Kind, name: str | None) -> Iterator[Reference]:
    if name is not None:
        yield Reference(path, kind, name)


def _each(path: DocumentPath, kind: Kind, names: tuple[str, ...]) -> Iterator[Reference]:
    for i, name in enumerate(names):
        yield Reference((*path, i), kind, name)
