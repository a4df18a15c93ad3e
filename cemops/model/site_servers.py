"""Site servers (P-04), their global settings (SS-01), and Internet sites (P-05)."""

from __future__ import annotations

from typing import Literal

from cemops.model.connections import Connection
from cemops.model.firewalls import ServerFirewall
from cemops.model.section import Section
from cemops.model.values import (
    DisplayName,
    Flag,
    Fqdn,
    ItmsVersion,
    ObjectName,
    SecretReference,
    UserName,
)
from cemops.model.web import WebConfiguration, WebOverride

SiteService = Literal["package", "task"]
Codebase = Literal["unc", "http", "https"]


class AgentConnectivityCredential(Section):
    """The agent connectivity credential (ACC) on site servers (SS-01)."""

    username: UserName
    """A local account, never a domain one (SS-01)."""
    password: SecretReference
    """Reference to its password."""
    create_local_account: Flag = False
    """Create the account where it is missing."""
    unlock: Flag = False
    """Unlock the account where it is locked."""


class SiteServerSettings(Section):
    """Global site server settings of one NS (SS-01)."""

    notification_server: ObjectName
    """The NS whose site servers they hold for."""
    web: WebConfiguration = WebConfiguration()
    """The three bindings."""
    persistent_connection: Flag = False
    """Keep tunnels open for real-time tasks (SS-14, C-05)."""
    agent_connectivity_credential: AgentConnectivityCredential | None = None
    """The ACC account."""


class PersistentConnectionOverride(Section):
    """A site server's own persistent connection section (SS-02)."""

    enabled: Flag = False
    """The switch of the section: off, and the global setting holds."""
    persistent_connection: Flag = False
    """The setting itself, while the section is enabled."""


class SiteServerOverrides(Section):
    """Individual settings: whole sections, each with its own switch (SS-02)."""

    web: WebOverride | None = None
    """HTTP, HTTPS and CEM together."""
    persistent_connection: PersistentConnectionOverride | None = None
    """Persistent connection."""


class PackageService(Section):
    """The package service of a site server (SS-06, SS-07)."""

    constrained: Flag = False
    """Constrained ones never download from the NS (SS-07); not used yet."""
    codebases: tuple[Codebase, ...] = ("https",)
    """How packages are published; agents on the Internet need ``https`` (SS-06). With ``unc`` the firewall leaves rules
    for SMB alone."""


class SiteServer(Section):
    """One site server."""

    name: ObjectName
    """Name in this file and for ``--limit``."""
    fqdn: Fqdn
    """The name that agents use."""
    notification_server: ObjectName
    """Its NS."""
    version: ItmsVersion | None = None
    """Version of ITMS, for example ``8.6 RU2`` (not used yet)."""
    services: tuple[SiteService, ...] = ("package",)
    """``package``, ``task`` or both; with ``task`` the firewall leaves rules for its ports alone (PT-05)."""
    package_service: PackageService = PackageService()
    """Its package service, where it has one."""
    firewall: ServerFirewall = ServerFirewall()
    """Its Windows firewall."""
    connection: Connection | None = None
    """How cemops reaches it; without one it is not managed."""
    domain_controller: Flag = False
    """Whether it is a domain controller (no local accounts there)."""
    overrides: SiteServerOverrides = SiteServerOverrides()
    """Individual settings (SS-02)."""


class InternetSite(Section):
    """A group of site servers for cloud-enabled agents (P-05)."""

    name: DisplayName
    """Name of the site on the platform."""
    notification_server: ObjectName
    """The NS that it belongs to."""
    resource_targets: tuple[DisplayName, ...] = ()
    """Targets whose computers use it (SS-09)."""
    site_servers: tuple[ObjectName, ...] = ()
    """Its site servers (SS-07)."""
