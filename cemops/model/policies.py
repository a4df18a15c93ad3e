"""What agents are told: CEM policies (P-07), communication profiles (P-09) and offline packages (P-08)."""

from __future__ import annotations

from typing import Literal

from cemops.model.notification_servers import DEFAULT_TLS_VERSIONS
from cemops.model.section import Section
from cemops.model.values import (
    Days,
    DisplayName,
    Flag,
    ObjectName,
    Port,
    PositiveCount,
    SecretReference,
    TlsVersion,
)
from cemops.model.web import HTTPS_PORT

PACKAGE_VALID_DAYS = 7
"""OP-01."""


class Policy(Section):
    """A CEM settings policy (PO-01). Ports and thumbprints are derived from its gateways."""

    name: DisplayName
    """Name on the platform."""
    notification_server: ObjectName
    """The NS that it belongs to."""
    enabled: Flag = True
    """Whether agents get it (PO-02)."""
    gateways: tuple[ObjectName, ...] = ()
    """Names of entries of ``gateways``."""
    resource_targets: tuple[DisplayName, ...] = ()
    """Targets whose computers get it."""
    prefer_gateway: Flag = False
    """Use a gateway even where the NS can be reached (C-09); not used yet."""
    prefer_gateway_on_vpn: Flag = False
    """Use a gateway rather than a VPN (C-09, PO-05); not used yet."""


class CommunicationProfile(Section):
    """How agents reach an NS (P-09)."""

    name: ObjectName
    """Name in this file."""
    notification_server: ObjectName
    """The NS that it describes."""
    https_port: Port = HTTPS_PORT
    """Port for agents inside (PT-04); not used yet."""
    tls: tuple[TlsVersion, ...] = DEFAULT_TLS_VERSIONS
    """TLS versions (not used yet)."""
    persistent_connection: Flag = False
    """Keep connections open; needs the site server setting too (SS-14); not used yet."""
    policy: DisplayName | None = None
    """The policy whose gateways it carries."""


class OfflinePackage(Section):
    """An installer for computers that never see the internal network (P-08, OP-01)."""

    installation_name: ObjectName
    """Goes into the subject of the temporary certificates."""
    notification_server: ObjectName
    """The NS that makes it: the one that manages the computers (NS-06)."""
    operating_system: Literal["windows", "mac", "linux"] = "windows"
    """``windows``, ``mac`` or ``linux`` (not used yet)."""
    policy: DisplayName
    """Name of an entry of ``policies``; an enabled one (OP-05)."""
    organizational_groups: tuple[DisplayName, ...] = ()
    """Own organizational groups of the NS."""
    valid_days: Days = PACKAGE_VALID_DAYS
    """Days from its creation to its expiry (not used yet)."""
    automate_certificate_distribution: Flag = False
    """Agents get their permanent certificates without an administrator's approval (not used yet)."""
    registration_limit: PositiveCount | None = None
    """How many computers may register with it; no limit where it is left out (not used yet)."""
    password: SecretReference
    """Reference to the password that encrypts it (not used yet)."""
