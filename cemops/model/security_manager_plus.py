"""Security Manager Plus servers with agents in HTTPS mode (SP-01..04)."""

from __future__ import annotations

from typing import Literal

from cemops.model.connections import Connection
from cemops.model.section import Section
from cemops.model.values import (
    Fqdn,
    HostAddress,
    IpAddress,
    IpNetwork,
    Minutes,
    ObjectName,
    Port,
)

WEB_PORT = 6767
"""SP-01 (the same text also names 8843)."""
CHECK_IN_MINUTES = 5
"""SP-01."""


class NatGateway(Section):
    """The router that forwards the port (SP-02)."""

    kind: Literal["nftables", "worksheet"]
    """``nftables``: cemops writes it; ``worksheet``: cemops only documents it."""
    public_address: IpAddress
    """Its address on the Internet."""
    connection: Connection | None = None
    """How cemops reaches it (``nftables``)."""


class OutgoingProxy(Section):
    """A proxy on the customer's side (SP-03)."""

    host: HostAddress
    """Name or address."""
    port: Port
    """TCP port."""


class Customer(Section):
    """A customer whose networks hold agents (SP-03)."""

    name: ObjectName
    """Name in this file."""
    networks: tuple[IpNetwork, ...] = ()
    """Networks that its agents come from (not used yet)."""
    proxy: OutgoingProxy | None = None
    """Its outgoing proxy, if it has one (not used yet)."""


class SecurityManagerPlus(Section):
    """One Security Manager Plus server."""

    name: ObjectName
    """Name in this file."""
    deployment: Literal["public", "nat"] = "public"
    """``public``: on a public address; ``nat``: behind a router that forwards the port (SP-02); not used yet."""
    agent_mode: Literal["https", "tcp"] = "https"
    """``https``; ``tcp`` is never used over the Internet (SP-01); not used yet."""
    external_name: Fqdn
    """The name that agents use (not used yet)."""
    internal_address: IpAddress | None = None
    """Its address inside (``nat``); not used yet."""
    port: Port = WEB_PORT
    """Web port (SP-01); not used yet."""
    check_in_minutes: Minutes = CHECK_IN_MINUTES
    """Minutes between two check-ins (SP-01); not used yet."""
    nat_gateway: NatGateway | None = None
    """The router (``nat``); not used yet."""
    connection: Connection | None = None
    """How cemops reaches it; without one it is not managed."""
    customers: tuple[Customer, ...] = ()
    """Customers it serves (SP-03)."""
