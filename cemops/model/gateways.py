"""Internet gateways (P-03)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from cemops.model.certificate_sources import CertificateSource, SelfSigned, SelfSignedTerms
from cemops.model.choices import one_key_of
from cemops.model.connections import Connection
from cemops.model.firewalls import GatewayFirewall
from cemops.model.notification_servers import DEFAULT_TLS_VERSIONS
from cemops.model.section import Section
from cemops.model.values import (
    AccountName,
    DisplayName,
    Flag,
    Fqdn,
    IpAddress,
    ListenAddress,
    Minutes,
    ObjectName,
    Port,
    PositiveCount,
    RemoteRoot,
    Seconds,
    ServerName,
    TlsVersion,
)

GATEWAY_PORT = 443
"""PT-01, IG-01."""
LINUX_ROOT = "/etc/cemops-gateway"
"""Chosen by cemops: everything that a gateway on stock Apache httpd owns lives below it."""
WINDOWS_ROOT = r"C:\Program Files (x86)\Symantec\SMP Internet Gateway"
"""IG-10: the vendor's default folder."""
LINUX_ACCOUNT = "cemgw"
"""Chosen by cemops: the account that httpd runs as."""
WINDOWS_ACCOUNT = "LocalService"
"""IG-07."""
CONFIRM_SECONDS = 60
"""How long a switched release waits for its confirmation before it is switched back."""
MAXIMUM_CONFIRM_SECONDS = 3600
STATUS_INTERVAL_MINUTES = 60
"""Chosen by cemops, within IG-08's 15-1440."""
DEFAULT_ENDPOINTS = 35_000
"""IG-04: the only limit that a source gives [W17]."""
DEFAULT_CONCURRENT_CONNECTIONS = 3_000
"""IG-04: what every source allows [W17, SSL]; 15,000 [W22] wants memory and pids, so it is declared."""

Platform = Literal["linux", "windows"]
Layout = Literal["httpd", "smp-7", "smp-8"]
ServiceKind = Literal["systemd", "direct", "windows"]


class ListedNotificationServer(Section):
    """A Notification Server on the allow-list (IG-02). The port is its agent site's, never retyped."""

    kind: ClassVar[Literal["notification_server"]] = "notification_server"
    notification_server: ObjectName
    """Name of an entry of ``notification_servers``."""
    also_known_as: tuple[ServerName, ...] = ()
    """Further names that agents use (IG-13)."""

    @property
    def server(self) -> str:
        """The name of the listed server."""
        return self.notification_server


class ListedSiteServer(Section):
    """A site server on the allow-list (IG-02). The port is its effective CEM port, never retyped."""

    kind: ClassVar[Literal["site_server"]] = "site_server"
    site_server: ObjectName
    """Name of an entry of ``site_servers``."""
    also_known_as: tuple[ServerName, ...] = ()
    """Further names that agents use (IG-13)."""

    @property
    def server(self) -> str:
        """The name of the listed server."""
        return self.site_server


ListedServer = Annotated[
    Annotated[ListedNotificationServer, Tag("notification_server")] | Annotated[ListedSiteServer, Tag("site_server")],
    Discriminator(
        one_key_of("notification_server", "site_server"),
        custom_error_type="one_of_these",
        custom_error_message="say exactly one of: notification_server, site_server",
    ),
]
"""An entry of the allow-list: exactly one of ``notification_server`` and ``site_server``."""


class Machine(Section):
    """The machine that carries a gateway (IG-09)."""

    os: DisplayName | None = None
    """Operating system (not used yet)."""
    hypervisor: DisplayName | None = None
    """Hypervisor, or nothing for hardware (not used yet)."""
    network_adapter: DisplayName | None = None
    """Kind of the virtual network adapter; VMXNET 3 on VMware (IG-09); not used yet."""
    managed: Flag = False
    """Whether a management agent runs on it; a gateway is unmanaged by design (IG-09); not used yet."""


class Listen(Section):
    """Where the gateway listens (IG-01)."""

    addresses: Annotated[tuple[ListenAddress, ...], Field(min_length=1)] = ("*",)
    """``*`` for all addresses, or addresses of the machine."""
    port: Port = GATEWAY_PORT
    """TCP port (PT-01)."""


class Service(Section):
    """How the gateway's process is run."""

    manager: ServiceKind = "systemd"
    """``systemd``; ``direct``: httpd started by cemops, no service manager; ``windows``: a Windows service
    (the default on Windows)."""
    account: AccountName | None = LINUX_ACCOUNT
    """Account that it runs as (``LocalService`` on Windows, IG-07); null: the one that cemops logs on as."""
    auto_refresh: Flag = False
    """The vendor's gateway fetches a changed NS certificate by itself (IG-14): a step for its manager."""


class StatusReport(Section):
    """Status reporting to one NS (IG-08)."""

    notification_server: ObjectName
    """The NS that gets the reports."""
    interval_minutes: Minutes = STATUS_INTERVAL_MINUTES
    """Minutes between two reports, 15-1440 (IG-08)."""


class Capacity(Section):
    """What the gateway is meant to carry (IG-04)."""

    endpoints: PositiveCount = DEFAULT_ENDPOINTS
    """Computers that use it."""
    concurrent_connections: PositiveCount = DEFAULT_CONCURRENT_CONNECTIONS
    """Tunnels held at the same time."""


class Gateway(Section):
    """One Internet gateway."""

    name: ObjectName
    """Name in this file and for ``--limit``."""
    fqdn: Fqdn
    """The name that agents resolve from the Internet; the gateway's certificate carries it (IG-06)."""
    platform: Platform = "linux"
    """``linux`` or ``windows``."""
    layout: Layout = "httpd"
    """``httpd``: stock Apache httpd (default on Linux); ``smp-7``, ``smp-8``: the vendor's (IG-10; ``smp-8``
    is the default on Windows)."""
    connection: Connection | None = None
    """How cemops reaches it; without one it is not managed."""
    root: RemoteRoot = LINUX_ROOT
    """Folder on the gateway below which everything lives (the vendor's install folder on Windows)."""
    public_address: IpAddress | None = None
    """Where probe and outside check dial; the connection's address where it is left out."""
    inside_addresses: tuple[IpAddress, ...] = ()
    """Source addresses towards the servers; the connection's address where there are none. Windows servers
    open their agent ports to these alone (PT-02, PT-03)."""
    listen: Listen = Listen()
    """Where it listens (IG-01)."""
    tls: Annotated[tuple[TlsVersion, ...], Field(min_length=1)] = DEFAULT_TLS_VERSIONS
    """TLS versions it offers to agents (CE-06)."""
    servers: tuple[ListedServer, ...] = ()
    """The allow-list (IG-02): what agents reach through it, and nothing else."""
    certificate: CertificateSource = SelfSigned(self_signed=SelfSignedTerms())
    """Its certificate; agents pin the thumbprint (IG-06)."""
    fips: Flag = False
    """FIPS mode (IG-07)."""
    service: Service = Service()
    """How its process is run."""
    confirm_seconds: Annotated[Seconds, Field(le=MAXIMUM_CONFIRM_SECONDS)] = CONFIRM_SECONDS
    """Seconds that a switched release waits for its confirmation."""
    status_reporting: tuple[StatusReport, ...] = ()
    """NSs that get status reports (IG-08)."""
    capacity: Capacity = Capacity()
    """What it is meant to carry (IG-04)."""
    firewall: GatewayFirewall = GatewayFirewall()
    """The firewall on the gateway itself."""
    machine: Machine = Machine()
    """The machine that carries it (IG-09)."""

    @model_validator(mode="before")
    @classmethod
    def _windows_defaults(cls, data: Any) -> Any:  # noqa: ANN401 - the value comes straight from the file
        """On Windows the vendor's gateway is the default: its layout, folder, service and account."""
        if not isinstance(data, Mapping) or data.get("platform") != "windows":
            return data
        service = data.get("service", {})
        if isinstance(service, Mapping):
            service = {"manager": "windows", "account": WINDOWS_ACCOUNT, **service}
        return {"layout": "smp-8", "root": WINDOWS_ROOT, **data, "service": service}
