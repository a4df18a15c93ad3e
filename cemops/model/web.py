"""IIS sites and their bindings on Notification Servers and site servers."""

from __future__ import annotations

from typing import Literal

from cemops.model.certificate_sources import CertificateSource
from cemops.model.section import Section
from cemops.model.values import (
    Flag,
    Fqdn,
    Port,
    SiteName,
)

AGENT_SITE_PORT = 4726
"""PT-02: default port of the CEM agent site."""
CONSOLE_SITE_PORT = 443
"""PT-04: default port of the NS's console and web."""
CEM_PORT = 4726
"""PT-03: default CEM port of a site server."""
HTTPS_PORT = 443
HTTP_PORT = 80
DEFAULT_WEB_SITE = "Default Web Site"
"""The site that IIS creates."""
AGENT_SITE_NAME = "Symantec Agent Site"


class ConsoleSite(Section):
    """The NS's web site for console and web interfaces (P-01, PT-04). Never exposed to the Internet."""

    name: SiteName = DEFAULT_WEB_SITE
    """Name of the site in IIS."""
    port: Port = CONSOLE_SITE_PORT
    """HTTPS port (PT-04)."""
    require_https: Flag = True
    """Agents use no plain HTTP (NS-03): the firewall opens no port for it. The setting itself is the platform's."""
    certificate: CertificateSource | None = None
    """Certificate of the HTTPS binding; left as it is where none is declared."""


class AgentSite(Section):
    """The CEM agent site of an NS (P-02, NS-01)."""

    name: SiteName = AGENT_SITE_NAME
    """Name of the site in IIS; cannot be changed later (NS-02)."""
    port: Port = AGENT_SITE_PORT
    """HTTPS port (PT-02)."""
    alternate_fqdn: Fqdn | None = None
    """Further name of the site; goes into the certificate (NS-01)."""
    create: Literal["console", "iis"] = "console"
    """``console``: made in the console, known to the platform (NS-02); ``iis``: made in IIS only."""
    force_overwrite: Flag = False
    """Replace the certificate of a binding that is already there (SS-05)."""
    certificate: CertificateSource | None = None
    """Certificate of the site (CE-02); never a gateway's (NS-04)."""


class HttpBinding(Section):
    """Plain HTTP on a site server."""

    enabled: Flag = True
    """Whether the binding is wanted."""
    port: Port = HTTP_PORT
    """TCP port."""


class _TlsBinding(Section):
    """What the intranet HTTPS binding and the CEM binding share (SS-01, SS-03, SS-05)."""

    enabled: Flag = True
    """Whether the binding is wanted."""
    force_overwrite: Flag = False
    """Replace this endpoint's certificate (SS-05)."""
    take_port: Flag = False
    """Take the port from another site that holds it."""
    purge_bindings: Flag = False
    """Remove the site's other bindings of this kind."""
    install_certificate: Flag = False
    """Deliver the certificate; off for own or third-party certificates (SS-03, SS-13)."""
    certificate: CertificateSource | None = None
    """The certificate to deliver and bind."""


class HttpsBinding(_TlsBinding):
    """Intranet HTTPS on a site server (SS-01)."""

    port: Port = HTTPS_PORT
    """TCP port."""


class CemBinding(_TlsBinding):
    """The binding that agents reach through the gateways (PT-03)."""

    port: Port = CEM_PORT
    """TCP port."""


class WebConfiguration(Section):
    """The web section of the site server settings: three bindings of one IIS site (SS-01)."""

    site: SiteName = DEFAULT_WEB_SITE
    """The IIS site that carries the bindings."""
    http: HttpBinding = HttpBinding()
    """Plain HTTP."""
    https: HttpsBinding = HttpsBinding()
    """Intranet HTTPS."""
    cem: CemBinding = CemBinding()
    """CEM, for agents on the Internet."""


class WebOverride(WebConfiguration):
    """A site server's own web section: replaces the global one as a whole, and only while enabled (SS-02)."""

    enabled: Flag = False
    """The switch of the section: off, and the global settings hold."""
