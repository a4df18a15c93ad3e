"""Puts together what a Notification Server or site server should be: the estate, and what PKI holds."""

from __future__ import annotations

from collections.abc import Mapping

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.execution.last_applications import last_applications
from cemops.model import topology
from cemops.model.certificate_sources import StoredCertificate
from cemops.model.notification_servers import NotificationServer
from cemops.model.site_servers import SiteServer
from cemops.pki.gateway_materials import recorded_live
from cemops.pki.server_certificates import ServerPurpose, server_material
from cemops.planning.windows.desired import (
    DesiredAgentSite,
    DesiredSiteServer,
    desired_agent_site,
    desired_site_server,
    server_certificate_names,
)
from cemops.planning.windows.materials import ServerCertificateMaterial

Purposes = Mapping[str, ServerPurpose]
"""The certificates that the estate declares for one machine, by purpose."""


def agent_site_purposes(server: NotificationServer) -> Purposes:
    """Return what an NS needs: the agent site's certificate carries every name (NS-01)."""
    names = server_certificate_names(server)
    declared = {"agent-site": server.agent_site.certificate, "console": server.console_site.certificate}
    return {
        purpose: ServerPurpose(server.name, purpose, names, source)
        for purpose, source in declared.items()
        if source is not None
    }


def site_server_purposes(context: EstateContext, server: SiteServer) -> Purposes:
    """Return what a site server needs: its effective web configuration decides (SS-02)."""
    web = topology.effective_web(context.estate, server)
    declared = {"https": web.https, "cem": web.cem}
    return {
        purpose: ServerPurpose(server.name, purpose, (server.fqdn,), binding.certificate)
        for purpose, binding in declared.items()
        if binding.enabled and binding.certificate is not None
    }


def agent_site_of(context: EstateContext, server: NotificationServer) -> DesiredAgentSite:
    """Compose the desired agent site. Makes nothing."""
    return desired_agent_site(
        context.estate,
        server,
        _materials(context, agent_site_purposes(server)),
        gateway_thumbprints=_gateway_thumbprints(context),
        last_applications=last_applications(context.folder, server.name),
    )


def site_server_of(context: EstateContext, server: SiteServer) -> DesiredSiteServer:
    """Compose the desired site server. Makes nothing."""
    return desired_site_server(context.estate, server, _materials(context, site_server_purposes(context, server)))


def _materials(context: EstateContext, purposes: Purposes) -> dict[str, ServerCertificateMaterial]:
    return {
        purpose: server_material(context.estate, context.folder, wanted, context.secrets)
        for purpose, wanted in purposes.items()
    }


def _gateway_thumbprints(context: EstateContext) -> dict[str, str]:
    """Return the thumbprints that gateways are known to serve, with the gateway's name: NS-04 keeps them apart."""
    found: dict[str, str] = {}
    for gateway in context.estate.gateways:
        if isinstance(gateway.certificate, StoredCertificate):
            found[gateway.certificate.thumbprint] = gateway.name
        try:
            live = recorded_live(context.estate, context.folder, gateway)
        except CemopsError:
            continue  # a damaged record is an error of that gateway's own plan
        if live is not None:
            found |= {live.sha1: gateway.name, live.sha256: gateway.name}
    return found
