"""The firewalls between Internet, DMZ and inside (PT-07), further flows (PT-08), load balancers (C-07)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from cemops.model.choices import one_key_of
from cemops.model.connections import Connection
from cemops.model.section import Section
from cemops.model.values import (
    DisplayName,
    IpAddress,
    IpNetwork,
    ObjectName,
    Port,
)


class PerimeterFirewall(Section):
    """One firewall of the perimeter."""

    kind: Literal["nftables", "worksheet"]
    """``nftables``: cemops writes it; ``worksheet``: cemops only documents what it must let through."""
    connection: Connection | None = None
    """How cemops reaches it (``nftables``)."""


class NetworkEnd(Section):
    """An address range as one end of a flow."""

    kind: ClassVar[Literal["network"]] = "network"
    network: IpNetwork
    """The network; one address is a network of its own."""


class GatewayEnd(Section):
    """A gateway as one end of a flow."""

    kind: ClassVar[Literal["gateway"]] = "gateway"
    gateway: ObjectName
    """Name of an entry of ``gateways``."""


class NotificationServerEnd(Section):
    """A Notification Server as one end of a flow."""

    kind: ClassVar[Literal["notification_server"]] = "notification_server"
    notification_server: ObjectName
    """Name of an entry of ``notification_servers``."""


class SiteServerEnd(Section):
    """A site server as one end of a flow."""

    kind: ClassVar[Literal["site_server"]] = "site_server"
    site_server: ObjectName
    """Name of an entry of ``site_servers``."""


FlowEnd = Annotated[
    Annotated[NetworkEnd, Tag("network")]
    | Annotated[GatewayEnd, Tag("gateway")]
    | Annotated[NotificationServerEnd, Tag("notification_server")]
    | Annotated[SiteServerEnd, Tag("site_server")],
    Discriminator(
        one_key_of("network", "gateway", "notification_server", "site_server"),
        custom_error_type="one_of_these",
        custom_error_message="say exactly one of: network, gateway, notification_server, site_server",
    ),
]
"""One end of a flow: exactly one of ``network``, ``gateway``, ``notification_server``, ``site_server``."""


class Flow(Section):
    """One further flow that is allowed because it is declared (PT-08)."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    source: Annotated[FlowEnd, Field(alias="from")]
    """Who opens the connection."""
    to: FlowEnd
    """Who answers it."""
    port: Port | None = None
    """TCP port; the usual port of the answering server where it is left out."""
    reason: DisplayName
    """Why it is legitimate, for example ``prefer-cem`` (PT-08)."""


class Perimeter(Section):
    """The firewalls on both sides of the DMZ (PT-07)."""

    external: PerimeterFirewall | None = None
    """Between Internet and DMZ."""
    internal: PerimeterFirewall | None = None
    """Between DMZ and inside."""
    flows: tuple[Flow, ...] = ()
    """Further flows (PT-08)."""


class VirtualServer(Section):
    """One address of a load balancer and the gateway behind it."""

    address: IpAddress
    """Address that agents reach."""
    port: Port = 443
    """TCP port that agents reach (PT-01)."""
    gateway: ObjectName
    """Name of an entry of ``gateways``."""


class LoadBalancer(Section):
    """A load balancer before the gateways; only F5 BIG-IP in pass-through is supported (C-07)."""

    name: ObjectName
    """Name in this file."""
    kind: ObjectName
    """Product; ``f5-bigip`` is the only supported one (C-07)."""
    mode: Literal["pass-through", "tls-offload", "tls-bridging"] = "pass-through"
    """What it does with TLS; only ``pass-through`` is supported (C-06, C-07)."""
    virtual_servers: tuple[VirtualServer, ...] = ()
    """Its addresses."""
