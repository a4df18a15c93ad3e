"""Connections: how cemops reaches a machine to manage it. Hosts are known before anything is sent to them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from cemops.model.choices import one_key_of
from cemops.model.section import Section
from cemops.model.values import (
    EstatePath,
    Flag,
    HostAddress,
    HostKeyFingerprint,
    ObjectName,
    Port,
    Thumbprint,
)

SSH_PORT = 22
"""IANA port of SSH."""
WINRM_HTTPS_PORT = 5986
"""Port of WinRM over TLS, as Windows sets it up."""


class PinnedServerCertificate(Section):
    """The WinRM endpoint's certificate has exactly this thumbprint."""

    thumbprint: Thumbprint
    """SHA-1 or SHA-256 thumbprint; spaces and colons are ignored (CE-04)."""


class ServerCertificateAuthority(Section):
    """The WinRM endpoint's certificate was issued by a CA of this file."""

    ca_file: EstatePath
    """PEM file with the CA certificates to trust for this machine."""


ServerCertificate = Annotated[
    Annotated[PinnedServerCertificate, Tag("thumbprint")] | Annotated[ServerCertificateAuthority, Tag("ca_file")],
    Discriminator(
        one_key_of("thumbprint", "ca_file"),
        custom_error_type="one_of_these",
        custom_error_message="say exactly one of: thumbprint, ca_file",
    ),
]
"""How a WinRM endpoint proves who it is: one of ``thumbprint`` and ``ca_file``."""


class SshConnection(Section):
    """SSH, with a host key that is known beforehand. Windows machines that run sshd may use it too."""

    transport: Literal["ssh"]
    """``ssh``."""
    address: HostAddress
    """IP address or name to dial."""
    port: Port = SSH_PORT
    """TCP port of sshd."""
    credential: ObjectName
    """Name of an entry of ``credentials``."""
    host_key: HostKeyFingerprint | None = None
    """Fingerprint of the host key, as ``ssh-keygen -lf`` prints it; without it ``known_hosts`` decides."""
    known_hosts: EstatePath | None = None
    """known_hosts file; the operator's own where neither this nor ``host_key`` is given."""


class WinrmConnection(Section):
    """WinRM over TLS."""

    transport: Literal["winrm"]
    """``winrm``."""
    address: HostAddress
    """IP address or name to dial."""
    port: Port = WINRM_HTTPS_PORT
    """TCP port of the WinRM listener."""
    credential: ObjectName
    """Name of an entry of ``credentials``."""
    server_certificate: ServerCertificate | None = None
    """How the endpoint proves who it is; without it the operator's own trust store decides (not used yet)."""
    allow_http: Flag = False
    """Permit WinRM without TLS (the message is then protected by NTLM alone); not used yet."""


Connection = Annotated[SshConnection | WinrmConnection, Field(discriminator="transport")]
"""How cemops reaches a machine, by ``transport``."""
