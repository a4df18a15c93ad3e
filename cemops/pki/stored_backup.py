"""Backups of gateways of whichever layout, read from a sealed file: which one it is, its head says."""

from __future__ import annotations

from cemops.errors import PkiError
from cemops.pki.gateway_backup import GatewayBackup, opened
from cemops.pki.sealed_file import Seal, SealedFile
from cemops.pki.windows_gateway_backup import WINDOWS_LAYOUTS, WindowsGatewayBackup, opened_windows

StoredBackup = GatewayBackup | WindowsGatewayBackup
HTTPD = "httpd"
"""The layout of a Linux gateway; files from before there was another one do not name it."""


def open_backup(sealed: SealedFile, seal: Seal) -> StoredBackup:
    """Open a file. Raises PkiError where it cannot be, or a later cemops made it."""
    layout = layout_of(sealed)
    if layout == HTTPD:
        return opened(sealed, seal)
    for known in WINDOWS_LAYOUTS:
        if layout == known:
            return opened_windows(sealed, seal, known)
    raise PkiError(f"{sealed.source} is of a gateway with layout {layout}: restore it with the version that made it")


def layout_of(sealed: SealedFile) -> str:
    """Return the layout of the gateway that a file is a backup of."""
    return str(sealed.facts.get("layout", HTTPD))
