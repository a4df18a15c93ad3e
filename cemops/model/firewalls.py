"""Firewalls on the machines themselves. Those between the networks are in ``perimeter``."""

from __future__ import annotations

from typing import Literal

from cemops.model.connections import WINRM_HTTPS_PORT
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
    """Whether cemops writes rules."""
    unspecified_rules: UnspecifiedRules = "report"
    """What happens to inbound rules that nothing declares (not used yet)."""
    admin_port: Port = WINRM_HTTPS_PORT
    """Port for administration; always kept open (not used yet)."""
    keep: tuple[DisplayName, ...] = ()
    """Rules or rule groups that are never disabled (not used yet)."""


class GatewayFirewall(Section):
    """The firewall on a gateway."""

    manage: Flag = False
    """Whether cemops writes rules."""
    admin_sources: tuple[IpNetwork, ...] = ()
    """Networks from which administration is allowed (PT-08); not used yet."""
    admin_port: Port | None = None
    """Port for administration; the connection's port where it is left out (not used yet)."""
    unspecified_rules: UnspecifiedRules = "report"
    """What happens to inbound rules that nothing declares (not used yet)."""
    keep: tuple[DisplayName, ...] = ()
    """Rules or rule groups that are never disabled (not used yet)."""
