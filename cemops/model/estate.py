"""The estate: everything that one file declares."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import Field, field_validator

from cemops.model.authorities import Authority, Pki
from cemops.model.change_control import ChangeControl, ChangeWindow, SizingQuestion
from cemops.model.credentials import Credential
from cemops.model.gateways import Gateway
from cemops.model.notification_servers import NotificationServer
from cemops.model.perimeter import LoadBalancer, Perimeter
from cemops.model.policies import CommunicationProfile, OfflinePackage, Policy
from cemops.model.resource_targets import ResourceTarget
from cemops.model.section import Section
from cemops.model.security_manager_plus import SecurityManagerPlus
from cemops.model.site_servers import InternetSite, SiteServer, SiteServerSettings
from cemops.model.values import (
    ObjectName,
)


class Estate(Section):
    """One estate. Names that sections use for each other are checked in ``references.py``, not here.

    Another estate is made by validating its data, not by ``model_copy``: that keeps the indexes of the old one.
    """

    cemops: Literal[1]
    """Version of this file format."""
    estate: ObjectName
    """Name of the estate."""
    credentials: dict[ObjectName, Credential] = Field(default_factory=dict)
    """Accounts on managed machines, by name."""
    pki: Pki = Pki()
    """Where cemops keeps keys and certificates that it makes."""
    authorities: dict[ObjectName, Authority] = Field(default_factory=dict)
    """Who issues certificates (CE-01), by name."""
    resource_targets: tuple[ResourceTarget, ...] = ()
    """Sets of computers (SS-09)."""
    notification_servers: tuple[NotificationServer, ...] = ()
    """Notification Servers (P-01)."""
    site_server_settings: tuple[SiteServerSettings, ...] = ()
    """Global site server settings, one entry for each NS (SS-01)."""
    site_servers: tuple[SiteServer, ...] = ()
    """Site servers (P-04)."""
    internet_sites: tuple[InternetSite, ...] = ()
    """Internet sites (P-05)."""
    gateways: tuple[Gateway, ...] = ()
    """Internet gateways (P-03)."""
    perimeter: Perimeter = Perimeter()
    """Firewalls around the DMZ (PT-07)."""
    load_balancers: tuple[LoadBalancer, ...] = ()
    """Load balancers before gateways (C-07)."""
    communication_profiles: tuple[CommunicationProfile, ...] = ()
    """How agents reach NSs (P-09)."""
    policies: tuple[Policy, ...] = ()
    """CEM policies (P-07)."""
    offline_packages: tuple[OfflinePackage, ...] = ()
    """Offline packages (P-08)."""
    sizing: SizingQuestion | None = None
    """What the gateways have to carry (IG-05)."""
    change: ChangeControl = ChangeControl()
    """Change control."""
    change_windows: tuple[ChangeWindow, ...] = ()
    """When apply may change hosts; none listed: always."""
    security_manager_plus: tuple[SecurityManagerPlus, ...] = ()
    """Security Manager Plus servers (SP-01)."""

    @field_validator("cemops", mode="before")
    @classmethod
    def _is_a_whole_number(cls, value: object) -> object:
        """``true`` and ``1.0`` equal 1 in Python, but are no version."""
        if isinstance(value, bool) or not isinstance(value, int):
            message = "the version of this file format is a whole number: write cemops: 1"
            raise ValueError(message)  # noqa: TRY004 -- pydantic reports ValueError only
        return value

    @cached_property
    def notification_server_by_name(self) -> dict[str, NotificationServer]:
        """Notification Servers by name."""
        return {server.name: server for server in self.notification_servers}

    @cached_property
    def site_server_by_name(self) -> dict[str, SiteServer]:
        """Site servers by name."""
        return {server.name: server for server in self.site_servers}

    @cached_property
    def settings_by_server(self) -> dict[str, SiteServerSettings]:
        """Global site server settings by Notification Server (SS-01)."""
        return {settings.notification_server: settings for settings in self.site_server_settings}
