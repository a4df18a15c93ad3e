"""What one Windows gateway should be: the input of its plan, put together from estate, PKI and rendering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cemops.model.gateways import Gateway
from cemops.model.topology import Target
from cemops.planning.certificate_choice import CertificateChoice
from cemops.planning.lockout import ALONE, Surroundings
from cemops.planning.materials import GatewayMaterials
from cemops.planning.revocation import LiveTrust

CONFIGURATION = "httpd.conf"
CERTIFICATE = "server.crt"
KEY = "server.key"
PACKED_CERTIFICATE = "server.pfx"
TRIAL_CONFIGURATION = "rehearsal.conf"


@dataclass(frozen=True)
class TrustFile:
    """A client CA or a CRL as a file: its names (the second a copy by which OpenSSL finds it), its text.

    ``text`` is None where PKI makes it first; so is then the hash in the name of the copy.
    """

    authority: str
    names: tuple[str, ...]
    text: str | None


@dataclass(frozen=True)
class FoundTrust:
    """What certificates and CRLs the observed files hold, by path: SHA-256 of the CA, or of the CA that signed."""

    live: LiveTrust
    authorities: Mapping[str, str] = field(default_factory=dict)
    crls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DesiredWindowsGateway:
    """One gateway as the estate, PKI and rendering want it."""

    gateway: Gateway
    choice: CertificateChoice
    materials: GatewayMaterials
    client: tuple[TrustFile, ...]
    crl: tuple[TrustFile, ...]
    targets: tuple[Target, ...]
    """The allow-list (IG-02)."""
    configuration: str | None = None
    """7.x: text of httpd.conf."""
    rehearsal: str | None = None
    """7.x: the same for a loopback port, over the files on trial."""
    rehearsal_port: int = 0
    certificate_pem: str | None = None
    """7.x: text of server.crt, chain included; None where it is known after apply."""
    unproven: tuple[str, ...] = ()
    """Notification Servers of which no agent's certificate can be had."""
    around: Surroundings = ALONE
    """What the rest of the estate says of its agents."""
    on_loopback: bool = False
    """A lab: everything is on loopback, and names may resolve to it."""

    @property
    def known(self) -> bool:
        """Whether all is known that is to be written: else PKI makes something first, at apply."""
        return all(file.text is not None for file in (*self.client, *self.crl)) and not (
            self.gateway.layout == "smp-7" and self.certificate_pem is None
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Each listed name, once (IG-13)."""
        return tuple(dict.fromkeys(target.host for target in self.targets))
