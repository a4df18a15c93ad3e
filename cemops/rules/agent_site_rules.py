"""Rules on agent sites and CEM bindings: certificates (NS-04), and ports that collide on a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model import topology
from cemops.model.allow_list_checks import cem_port_path
from cemops.model.certificate_sources import PfxFile, StoredCertificate
from cemops.rules.framework import Breach, Rule, Severity, Subject, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.certificate_sources import CertificateSource
    from cemops.model.reference_problem import DocumentPath
    from cemops.model.web import WebConfiguration


@rule("CEM201", "A gateway's certificate is used for an agent site", Severity.ERROR, "NS-04")
def shared_certificate(subject: Subject) -> Iterator[Breach]:
    """The gateway certificate must not be used as the agent site's certificate."""
    gateways = {_identity(gateway.certificate): gateway.name for gateway in reversed(subject.estate.gateways)}
    for i, server in enumerate(subject.estate.notification_servers):
        identity = _identity(server.agent_site.certificate)
        if identity is not None and identity in gateways:
            yield Breach(
                ("notification_servers", i, "agent_site", "certificate"),
                f"the agent site of {server.name} has the certificate of gateway {gateways[identity]}: give"
                " it one of its own",
            )


def _identity(source: CertificateSource | None) -> tuple[str, str] | None:
    """Say what makes two declared certificates the same one; None where the file alone cannot tell."""
    if isinstance(source, PfxFile):
        return "pfx", source.pfx
    if isinstance(source, StoredCertificate):
        return "thumbprint", source.thumbprint
    return None


@rule("CEM202", "A CEM port is the site server's HTTPS port", Severity.ERROR, "SS-01")
def cem_on_https_port(subject: Subject) -> Iterator[Breach]:
    """CEM and intranet HTTPS are two bindings of one machine; each needs a port of its own."""
    for path, web, owner in _webs(subject):
        if web.cem.enabled and web.https.enabled and web.cem.port == web.https.port:
            yield Breach(
                (*path, "cem", "port"),
                f"{owner}: CEM and HTTPS are both on port {web.cem.port}: give CEM another one, such as 4726",
            )


@rule("CEM203", "A site server's HTTP port is taken", Severity.ERROR, "SS-01")
def http_port_taken(subject: Subject) -> Iterator[Breach]:
    """Plain HTTP cannot share a port with HTTPS or CEM."""
    for path, web, owner in _webs(subject):
        if not web.http.enabled:
            continue
        for key, binding in (("https", web.https), ("cem", web.cem)):
            if binding.enabled and binding.port == web.http.port:
                yield Breach(
                    (*path, key, "port"),
                    f"{owner}: {key.upper()} is on port {binding.port}, which is plain HTTP's: give it another one",
                )


def _webs(subject: Subject) -> Iterator[tuple[DocumentPath, WebConfiguration, str]]:
    """Give each web section that holds for some machine: its place, itself, and whose it is."""
    for i, settings in enumerate(subject.estate.site_server_settings):
        owner = f"site servers of {settings.notification_server}"
        yield ("site_server_settings", i, "web"), settings.web, owner
    for i, server in enumerate(subject.estate.site_servers):
        override = server.overrides.web
        if override is not None and override.enabled:
            yield ("site_servers", i, "overrides", "web"), override, server.name


@rule("CEM204", "A CEM port is the agent site's, on one machine", Severity.ERROR, "SS-08")
def cem_on_agent_site_port(subject: Subject) -> Iterator[Breach]:
    """A site server on the machine of a Notification Server cannot take its agent site's port."""
    servers = {server.fqdn: server for server in subject.estate.notification_servers}
    for site_server in subject.estate.site_servers:
        server = servers.get(site_server.fqdn)
        cem = topology.effective_web(subject.estate, site_server).cem
        if server is not None and cem.enabled and cem.port == server.agent_site.port:
            yield Breach(
                cem_port_path(subject.estate, site_server),
                f"{site_server.name} is on the machine of {server.name}, where the agent site has port"
                f" {cem.port}: give CEM another one, or use another machine",
            )


@rule("CEM205", "A web override is switched off", Severity.INFO, "SS-02")
def idle_override(subject: Subject) -> Iterator[Breach]:
    """Individual settings hold only once they are enabled."""
    for i, server in enumerate(subject.estate.site_servers):
        override = server.overrides.web
        if override is not None and not override.enabled:
            yield Breach(
                ("site_servers", i, "overrides", "web"),
                f"the web section of {server.name} is not enabled, so the settings of"
                f" {server.notification_server} hold: write enabled: true to use it",
            )


@rule("CEM206", "There is no certificate to install", Severity.ERROR, "SS-05")
def nothing_to_install(subject: Subject) -> Iterator[Breach]:
    """With install_certificate on, a certificate is delivered; one must be declared."""
    for path, web, owner in _webs(subject):
        for key, binding in (("https", web.https), ("cem", web.cem)):
            if binding.enabled and binding.install_certificate and binding.certificate is None:
                yield Breach(
                    (*path, key, "install_certificate"),
                    f"{owner}: a certificate is to be installed for {key}, but none is declared: add"
                    " certificate, or write install_certificate: false",
                )


RULES: tuple[Rule, ...] = (
    shared_certificate,
    cem_on_https_port,
    http_port_taken,
    cem_on_agent_site_port,
    idle_override,
    nothing_to_install,
)
