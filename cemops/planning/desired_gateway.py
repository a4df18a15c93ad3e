"""What one gateway should be: the input of its plan, put together from estate, PKI and rendering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cemops.model.gateways import Gateway
from cemops.planning.certificate_choice import CertificateChoice
from cemops.planning.lockout import ALONE, Surroundings
from cemops.planning.materials import GatewayMaterials
from cemops.planning.sizing import Sizing

CONFIGURATION = "httpd.conf"
CLIENT_CA = "client-ca.pem"
CLIENT_CRL = "client-crl.pem"
UNIT = "cemops-gateway.service"
"""Name of the systemd unit; a host carries one gateway."""


@dataclass(frozen=True)
class DesiredGateway:
    """One gateway as the estate, PKI and rendering want it."""

    gateway: Gateway
    files: Mapping[str, str | None]
    """Text of the release's files; None where it is known after apply."""
    choice: CertificateChoice
    certificate_stem: str | None
    """``ROOT/tls/<stem>.crt`` and ``.key``; None where the certificate is still to be made."""
    certificate_pem: str | None
    """The certificate file's text, chain included."""
    materials: GatewayMaterials
    sizing: Sizing
    unit: str | None = None
    """Text of the systemd unit, where the service manager is systemd."""
    hosts: tuple[str, ...] = ()
    """Each listed name, once (IG-13)."""
    unproven: tuple[str, ...] = ()
    """Notification Servers of which no agent's certificate can be had: no tunnel can be opened as their agent."""
    around: Surroundings = ALONE
    """What the rest of the estate says of its agents."""
    on_loopback: bool = False
    """A lab: everything is on loopback, and names may resolve to it."""
    restored: bool = False
    """Whether the configuration is a backup's (IG-11), not rendered from the estate."""
