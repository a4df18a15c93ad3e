"""What the agent site of a Notification Server and the web section of a site server should be.

Put together from the estate and from what PKI holds; pure. Global settings and individual overrides (SS-02) are
settled here, and which site server gets the CEM certificate (SS-01).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cemops.model import topology
from cemops.model.estate import Estate
from cemops.model.notification_servers import NotificationServer
from cemops.model.site_servers import AgentConnectivityCredential, SiteServer
from cemops.model.web import CEM_PORT, HTTP_PORT, HTTPS_PORT, CemBinding, HttpsBinding
from cemops.model.windows_observed import IisApplication
from cemops.planning.windows.materials import ServerCertificateMaterial

Purpose = Literal["http", "https", "cem", "agent-site", "console"]
Materials = Mapping[str, ServerCertificateMaterial]


@dataclass(frozen=True)
class DesiredBinding:
    """One binding: where, with which certificate, and which of the three overwrites are allowed for it.

    ``force_overwrite`` is for this endpoint's certificate only, ``take_port`` for a port that another site holds,
    ``purge_bindings`` for the site's other bindings of this kind. None implies another.
    """

    purpose: Purpose
    protocol: Literal["http", "https"]
    site: str
    port: int
    names: tuple[str, ...]
    """Names by which clients reach it, the FQDN first."""
    clients: str
    """Who uses it, for the list of those who are cut off."""
    enabled: bool = True
    force_overwrite: bool = False
    take_port: bool = False
    purge_bindings: bool = False
    install_certificate: bool = False
    why_not_installed: str = "install_certificate is off"
    """Said where nothing is delivered."""
    material: ServerCertificateMaterial | None = None
    usual_port: int | None = None
    """The port that a binding of this purpose has by default: one found there is the old one of it (SS-03)."""
    dedicated_site: bool = False
    """The site carries nothing else: its binding on another port is the old one of this purpose."""
    movable: bool = True
    """Whether an old binding on another port may be moved; never the console's."""


@dataclass(frozen=True)
class DesiredAccount:
    """The agent connectivity credential's account on a site server (SS-01)."""

    name: str
    create: bool
    unlock: bool


@dataclass(frozen=True)
class DesiredSiteServer:
    """The web section, the ACC account and the persistent connection of one site server (SS-01, SS-02)."""

    host: str
    fqdn: str
    site: str
    bindings: tuple[DesiredBinding, ...]
    account: DesiredAccount | None = None
    persistent_connection: bool = False
    domain_controller: bool = False


@dataclass(frozen=True)
class DesiredAgentSite:
    """The CEM agent site of one Notification Server (P-02), and its console's certificate where one is declared."""

    host: str
    fqdn: str
    binding: DesiredBinding
    console_site: str
    console_port: int
    alternate_fqdn: str | None = None
    create: Literal["console", "iis"] = "console"
    console: DesiredBinding | None = None
    gateway_thumbprints: Mapping[str, str] = field(default_factory=dict)
    """Thumbprints (SHA-1 and SHA-256) of the gateways' certificates, and whose they are (NS-04)."""
    last_applications: tuple[IisApplication, ...] | None = None
    """What the last observation found on the agent site; None: there is none to compare with."""

    @property
    def site(self) -> str:
        """The agent site's name in IIS."""
        return self.binding.site

    @property
    def port(self) -> int:
        """Its HTTPS port (PT-02)."""
        return self.binding.port


def server_certificate_names(ns: NotificationServer) -> tuple[str, ...]:
    """Return every name that the certificate of an agent site carries (NS-01), the FQDN first."""
    names = (ns.fqdn, ns.agent_site.alternate_fqdn, *ns.aliases)
    return tuple(dict.fromkeys(name for name in names if name is not None))


def desired_agent_site(
    estate: Estate,
    ns: NotificationServer,
    materials: Materials,
    *,
    gateway_thumbprints: Mapping[str, str] | None = None,
    last_applications: tuple[IisApplication, ...] | None = None,
) -> DesiredAgentSite:
    """Put together the agent site of a Notification Server; materials of ``agent-site`` and ``console``."""
    site, console = ns.agent_site, ns.console_site
    names = server_certificate_names(ns)
    served = [gateway.name for gateway in estate.gateways if _lists(estate, gateway.name, ns.name)]
    through = f" ({', '.join(served)})" if served else ""
    material = materials.get("agent-site")
    return DesiredAgentSite(
        host=ns.name,
        fqdn=ns.fqdn,
        alternate_fqdn=site.alternate_fqdn,
        create=site.create,
        console_site=console.name,
        console_port=console.port,
        binding=DesiredBinding(
            "agent-site",
            "https",
            site.name,
            site.port,
            names,
            f"cloud-enabled agents that reach {ns.name} through the gateways{through}",
            force_overwrite=site.force_overwrite,
            install_certificate=material is not None,
            why_not_installed="no certificate is declared for it",
            material=material,
            dedicated_site=True,
        ),
        console=None if "console" not in materials else _console(ns, materials["console"]),
        gateway_thumbprints=gateway_thumbprints or {},
        last_applications=last_applications,
    )


def _console(ns: NotificationServer, material: ServerCertificateMaterial) -> DesiredBinding:
    return DesiredBinding(
        "console",
        "https",
        ns.console_site.name,
        ns.console_site.port,
        server_certificate_names(ns),
        f"the console's users and every agent that reaches {ns.name} directly",
        install_certificate=True,
        material=material,
        movable=False,
    )


def _lists(estate: Estate, gateway_name: str, server: str) -> bool:
    return any(listed.server == server for listed in topology.gateway(estate, gateway_name).servers)


def desired_site_server(estate: Estate, server: SiteServer, materials: Materials) -> DesiredSiteServer:
    """Put together a site server's bindings, account and persistent connection; materials of ``https``, ``cem``."""
    web = topology.effective_web(estate, server)
    settings = topology.settings_of(estate, server.notification_server)
    on_internet = any(server.name in site.site_servers for site in estate.internet_sites)
    http = DesiredBinding(
        "http",
        "http",
        web.site,
        web.http.port,
        (server.fqdn,),
        f"agents inside that use plain HTTP on {server.name}",
        enabled=web.http.enabled,
        usual_port=HTTP_PORT,
    )
    tls = (
        _tls(server, web.site, web.https, materials),
        _tls(server, web.site, web.cem, materials, delivered=on_internet),
    )
    credential = None if settings is None else settings.agent_connectivity_credential
    return DesiredSiteServer(
        host=server.name,
        fqdn=server.fqdn,
        site=web.site,
        bindings=(http, *tls),
        account=None if credential is None else _account(credential),
        persistent_connection=topology.effective_persistent_connection(estate, server),
        domain_controller=server.domain_controller,
    )


def _tls(
    server: SiteServer,
    site: str,
    declared: HttpsBinding | CemBinding,
    materials: Materials,
    *,
    delivered: bool = True,
) -> DesiredBinding:
    is_cem = isinstance(declared, CemBinding)
    purpose: Purpose = "cem" if is_cem else "https"
    who = "cloud-enabled agents that reach" if is_cem else "agents and servers inside that use HTTPS on"
    return DesiredBinding(
        purpose,
        "https",
        site,
        declared.port,
        (server.fqdn,),
        f"{who} {server.name}" + (" through the gateways" if is_cem else ""),
        enabled=declared.enabled,
        force_overwrite=declared.force_overwrite,
        take_port=declared.take_port,
        purge_bindings=declared.purge_bindings,
        install_certificate=declared.install_certificate and delivered,
        why_not_installed=(
            "the CEM certificate is delivered to site servers of Internet sites only"
            if declared.install_certificate and not delivered
            else "install_certificate is off"
        ),
        material=materials.get(purpose),
        usual_port=CEM_PORT if is_cem else HTTPS_PORT,
    )


def _account(credential: AgentConnectivityCredential) -> DesiredAccount:
    return DesiredAccount(local_account_name(credential.username), credential.create_local_account, credential.unlock)


def local_account_name(username: str) -> str:
    r"""Return a local account's bare name: ``.\`` before it only says that it is this computer's."""
    return username.removeprefix(".\\")
