"""Firewalls on the machines themselves. Those between the networks are in ``perimeter``."""

from __future__ import annotations

from typing import Literal

from cemops.model.section import Section
from cemops.model.values import (
    DisplayName,
    Flag,
    IpNetwork,
    Port,
)

UnspecifiedRules = Literal["ignore", "report", "disable"]


class ServerFirewall(Section):
    """The Windows firewall of a Notification Server or site server."""

    manage: Flag = False
    """Whether cemops writes rules: those that the estate's flows need (PT-02, PT-03, PT-04, PT-08)."""
    unspecified_rules: UnspecifiedRules = "report"
    """What happens to enabled inbound allow rules that nothing declares: ``disable`` them (never a group policy's,
    never one of Core Networking), ``report`` them in the plan, or ``ignore`` them."""
    admin_port: Port | None = None
    """Port for administration; always kept open; the connection's port where it is left out."""
    keep: tuple[DisplayName, ...] = ()
    """Rules that are never disabled: by name, display name or group (``Remote Desktop``)."""


class GatewayFirewall(Section):
    """The firewall on a gateway; cemops writes it on Windows only."""

    manage: Flag = False
    """Whether cemops writes rules: the gateway's port (PT-01), the administration port, further flows (PT-08)."""
    admin_sources: tuple[IpNetwork, ...] = ()
    """Networks from which administration is allowed (PT-08); without any, nothing is opened for it, nor closed."""
    admin_port: Port | None = None
    """Port for administration; the connection's port where it is left out."""
    unspecified_rules: UnspecifiedRules = "report"
    """What happens to enabled inbound allow rules that nothing declares: ``disable`` them (never a group policy's,
    never one of Core Networking), ``report`` them in the plan, or ``ignore`` them."""
    keep: tuple[DisplayName, ...] = ()
    """Rules that are never disabled: by name, display name or group (``Remote Desktop``)."""
