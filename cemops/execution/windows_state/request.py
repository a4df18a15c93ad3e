"""What ``state`` is asked for: the machine's IIS, http.sys, firewall and stores in every case, the rest by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

RegistryView = Literal["64", "32"]

_HTTP_PARAMETERS = r"HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
SSL_BY_ADDRESS: Final = rf"{_HTTP_PARAMETERS}\SslBindingInfo"
SSL_BY_HOST_NAME: Final = rf"{_HTTP_PARAMETERS}\SslSniBindingInfo"
SSL_FROM_CENTRAL_STORE: Final = rf"{_HTTP_PARAMETERS}\SslCcsBindingInfo"
FIREWALL_RULES: Final = r"HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
FIREWALL_POLICY_RULES: Final = r"HKLM:\SOFTWARE\Policies\Microsoft\WindowsFirewall\FirewallRules"
"""Where group policies put their rules."""
OWN_TREES: Final = (SSL_BY_ADDRESS, SSL_BY_HOST_NAME, SSL_FROM_CENTRAL_STORE, FIREWALL_RULES, FIREWALL_POLICY_RULES)
"""Read from every Windows machine, in the 64-bit view."""
STORES: Final = ("My", "Root", "CA")
"""Stores of LocalMachine. The one that people call Personal is ``My``."""


@dataclass(frozen=True)
class RegistryTree:
    r"""One tree of the registry to read; programs of 32 bits have a view of their own of ``HKLM:\SOFTWARE``."""

    path: str
    view: RegistryView = "64"

    @property
    def name(self) -> str:
        """Its name in ``ObservedWindows.registry``: the path, and which view if it is not the usual one."""
        return self.path if self.view == "64" else f"{self.path} (32-bit view)"


@dataclass(frozen=True)
class FolderWanted:
    """One folder to read, one level deep.

    Files smaller than ``content_below`` bytes come with their content, except those of ``hash_only`` (patterns such as
    ``*.key``): private keys never leave the machine.
    """

    path: str
    content_below: int = 0
    hash_only: tuple[str, ...] = ("*.key", "*.pfx", "*.p12")


@dataclass(frozen=True)
class FileWanted:
    """One file to read: its SHA-256 and size, and where asked for its content."""

    path: str
    content: bool = False


def state_request(  # noqa: PLR0913 - one argument for each kind of thing on the wire
    *,
    services: Iterable[str] = (),
    accounts: Iterable[str] = (),
    files: Iterable[FileWanted] = (),
    folders: Iterable[FolderWanted] = (),
    names: Iterable[str] = (),
    registry: Iterable[RegistryTree] = (),
    stores: Iterable[str] = STORES,
) -> dict[str, Any]:
    """Return the ``state`` request. ``accounts`` are local ones (SS-01), ``names`` are resolved on the machine."""
    trees = dict.fromkeys([*(RegistryTree(path) for path in OWN_TREES), *registry])
    return {
        "verb": "state",
        "want": {
            "registry": [{"path": tree.path, "view": tree.view} for tree in trees],
            "stores": list(dict.fromkeys(stores)),
            "services": list(dict.fromkeys(services)),
            "accounts": list(dict.fromkeys(accounts)),
            "files": [{"path": file.path, "content": file.content} for file in dict.fromkeys(files)],
            "folders": [
                {"path": folder.path, "content_below": folder.content_below, "hash_only": list(folder.hash_only)}
                for folder in dict.fromkeys(folders)
            ],
            "names": list(dict.fromkeys(names)),
        },
    }
