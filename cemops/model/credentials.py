"""Credentials: whom cemops logs on as. Secrets are references (``env:``, ``file:``, ``keyring:``)."""

from __future__ import annotations

from typing import Literal

from cemops.model.section import Section
from cemops.model.values import (
    EstatePath,
    SecretReference,
    UserName,
)


class Credential(Section):
    """An account on managed machines, named by the connections that use it."""

    username: UserName
    r"""The account: ``root``, ``CORP\svc-cemops``, ``.\cemops``."""
    password: SecretReference | None = None
    """Reference to the password; never a sudo password: sudo must not ask for one."""
    private_key_file: EstatePath | None = None
    """SSH private key (without it and without a password the SSH agent is asked), or that of ``client_certificate``."""
    private_key_passphrase: SecretReference | None = None
    """Reference to the passphrase of the private key."""
    client_certificate: EstatePath | None = None
    """PEM file with the certificate that logs on to WinRM (``authentication: certificate``), and its chain."""
    become: Literal["none", "sudo"] = "none"
    """How commands get root's rights: ``none``, or ``sudo`` (NOPASSWD only)."""
