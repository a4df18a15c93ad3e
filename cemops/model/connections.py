"""Connections: how cemops reaches a machine to manage it. Hosts are known before anything is sent to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

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
WINRM_HTTP_PORT = 5985
"""Port of WinRM without TLS, as Windows sets it up."""


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
    """WinRM, over TLS as a rule."""

    transport: Literal["winrm"]
    """``winrm``."""
    address: HostAddress
    """IP address or name to dial; Kerberos needs the name."""
    port: Port = WINRM_HTTPS_PORT
    """TCP port of the WinRM listener; with ``allow_http`` 5985 where it is left out."""
    credential: ObjectName
    """Name of an entry of ``credentials``."""
    authentication: Literal["ntlm", "kerberos", "basic", "certificate"] = "ntlm"
    """How to log on. ``ntlm``, ``basic``: by user name and password (``basic``: over TLS, to local accounts only).
    ``kerberos``: by the ticket that ``kinit`` got; needs the extra ``cemops[kerberos]``. ``certificate``: by the
    credential's ``client_certificate`` and ``private_key_file``, which Windows maps to a local account."""
    server_certificate: ServerCertificate | None = None
    """How the endpoint proves who it is; without it the trust store of the operator's machine decides."""
    allow_http: Flag = False
    """Speak WinRM without TLS: NTLM or Kerberos then encrypt each message, and no certificate says who the host is."""

    @model_validator(mode="before")
    @classmethod
    def _http_port(cls, data: Any) -> Any:  # noqa: ANN401 - the value comes straight from the file
        """Without TLS WinRM listens on another port."""
        if isinstance(data, Mapping) and data.get("allow_http") is True:
            return {"port": WINRM_HTTP_PORT, **data}
        return data


Connection = Annotated[SshConnection | WinrmConnection, Field(discriminator="transport")]
"""How cemops reaches a machine, by ``transport``."""
