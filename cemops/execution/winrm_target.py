"""A WinRM endpoint as the estate declares it: where it is, how it proves itself, how cemops logs on to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

Authentication = Literal["ntlm", "kerberos", "basic", "certificate"]


@dataclass(frozen=True)
class WinrmTarget:
    """One endpoint, with its secrets resolved: it is made where they are needed, and shown nowhere."""

    address: str
    port: int
    username: str
    authentication: Authentication = "ntlm"
    password: SecretStr | None = None
    client_certificate: Path | None = None
    private_key_file: Path | None = None
    private_key_passphrase: SecretStr | None = None
    thumbprint: str | None = None
    """The one certificate that the endpoint may have: SHA-1 or SHA-256, hex (CE-04)."""
    ca_file: Path | None = None
    """Whose certificates are believed; without it and without a thumbprint, the machine's own trust store decides."""
    plain_http: bool = False
    """No TLS: NTLM or Kerberos encrypt each message."""

    @property
    def place(self) -> str:
        """Address and port, as people write them."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        """The address of the WSMan service."""
        return f"{'http' if self.plain_http else 'https'}://{self.place}/wsman"


@dataclass
class Traffic:
    """What went over the wire to one host, for the counts that a plan reports."""

    connections: int = 0
    """TCP connections, each with its TLS handshake and its logon."""
    requests_sent: int = 0
    """HTTP requests, those of the logon included."""
    bytes_sent: int = 0
    """Bytes of HTTP, before TLS."""
    bytes_received: int = 0
    """Bytes of HTTP heads and bodies, before TLS."""
