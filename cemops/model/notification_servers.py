"""Notification Servers (P-01): their names, sites and settings."""

from __future__ import annotations

from cemops.model.certificate_sources import PfxFile
from cemops.model.connections import Connection
from cemops.model.firewalls import ServerFirewall
from cemops.model.section import Section
from cemops.model.values import (
    DisplayName,
    Fqdn,
    ItmsVersion,
    Minutes,
    ObjectName,
    ServerName,
    TlsVersion,
)
from cemops.model.web import AgentSite, ConsoleSite

DEFAULT_TLS_VERSIONS: tuple[TlsVersion, ...] = ("1.2", "1.3")
"""TLS versions that agents and servers are given by default; the same everywhere (CE-06)."""
TASK_UPDATE_MINUTES = 30
"""SS-10, PT-05: how often agents on the Internet ask for tasks."""


class NotificationServer(Section):
    """One Notification Server."""

    name: ObjectName
    """Name in this file and for ``--limit``."""
    fqdn: Fqdn
    """The name that agents use."""
    aliases: tuple[ServerName, ...] = ()
    """Further detected names; they go into the certificate (NS-01) and may be asked for through gateways."""
    version: ItmsVersion | None = None
    """Version of ITMS, for example ``8.6 RU2`` (not used yet)."""
    root_authority: ObjectName
    """The name of an entry of ``authorities``, the one that issues its agents' certificates (CE-01)."""
    parent: ObjectName | None = None
    """The Notification Server above it in the hierarchy (NS-06)."""
    connection: Connection | None = None
    """How cemops reaches it; without one it is not managed."""
    console_site: ConsoleSite = ConsoleSite()
    """Its console and web (PT-04)."""
    agent_site: AgentSite = AgentSite()
    """Its CEM agent site (P-02)."""
    probe_certificate: PfxFile | None = None
    """An agent's gateway certificate (C-04), for rehearsal, outside check and probe."""
    tls: tuple[TlsVersion, ...] = DEFAULT_TLS_VERSIONS
    """TLS versions it speaks (not used yet)."""
    firewall: ServerFirewall = ServerFirewall()
    """Its Windows firewall."""
    task_update_minutes: Minutes = TASK_UPDATE_MINUTES
    """Minutes between two questions for tasks (SS-10); not used yet."""
    vpn_adapters: tuple[DisplayName, ...] = ()
    """Adapters that count as VPN (PO-05); not used yet."""
    organizational_groups: tuple[DisplayName, ...] = ()
    """Own organizational groups (OP-01)."""
