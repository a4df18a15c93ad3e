"""What a Windows machine was found to hold: plain data, filled in from the payload's ``state``, compared by planners.

An IIS binding lives in two layers that can disagree: the site's binding (:class:`IisBinding`) and the certificate that
http.sys holds for its endpoint (:class:`SslEntry`), shared by every site on that endpoint. Nothing here echoes what
is desired. Private keys never leave the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from cemops.model.certificates import CertificateFacts
from cemops.model.host_lock import HostLock

SslKind = Literal["ipport", "hostnameport", "ccs"]
"""Which table of http.sys an entry is in: by address and port, by SNI host name and port, central store."""

SNI = 1
"""Bit of ``sslFlags``: the binding's certificate is chosen by host name."""
CENTRAL_STORE = 2
"""Bit of ``sslFlags``: the certificate comes from the central certificate store (CCS)."""


@dataclass(frozen=True)
class IisBinding:
    """One binding of a site. ``information`` is IIS's own text, ``ADDRESS:PORT:HOST``; ``ssl_flags`` is a bit mask."""

    protocol: str
    information: str
    ssl_flags: int = 0
    address: str = "*"
    """``*`` for all IPv4 addresses (``0.0.0.0`` in http.sys), else as written; IPv6 in brackets."""
    port: int | None = None
    host: str = ""

    @property
    def by_host_name(self) -> bool:
        """Whether http.sys looks its certificate up by host name (SNI)."""
        return bool(self.ssl_flags & SNI)

    @property
    def from_central_store(self) -> bool:
        """Whether its certificate comes from the central certificate store."""
        return bool(self.ssl_flags & CENTRAL_STORE)


@dataclass(frozen=True)
class IisApplication:
    """One application of a site (NS-04, NS-05: listed and compared, never invented)."""

    path: str
    pool: str
    physical_path: str


@dataclass(frozen=True)
class IisSite:
    """One site of IIS."""

    name: str
    id: int
    bindings: tuple[IisBinding, ...] = ()
    applications: tuple[IisApplication, ...] = ()
    auto_start: bool = True


@dataclass(frozen=True)
class SslEntry:
    """One certificate binding of http.sys; thumbprint upper-case hex without separators (CE-04)."""

    kind: SslKind
    endpoint: str
    """``ADDRESS:PORT`` (``0.0.0.0:443``, ``[::]:443``), ``HOST:PORT``, or the port for CCS."""
    thumbprint: str
    store: str = "MY"
    app_id: str = ""
    settings: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredCertificateFound:
    """A certificate in a store of LocalMachine. ``readers``: who may read its key (SIDs); None: not told."""

    facts: CertificateFacts
    has_private_key: bool
    friendly_name: str = ""
    readers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class WindowsService:
    """One service; ``path`` is the command that starts it."""

    name: str
    state: str
    start: str
    account: str = ""
    path: str = ""
    pid: int | None = None


@dataclass(frozen=True)
class FirewallRule:
    """One rule of the Windows firewall. ``name`` is its identity; ``policy``: it comes from a group policy.

    Empty ``local_ports``/``remote_addresses`` mean any. Ports are texts as Windows keeps them (``443``, ``5000-5010``,
    ``RPC``).
    """

    name: str
    enabled: bool
    direction: Literal["Inbound", "Outbound"]
    action: Literal["Allow", "Block"]
    protocol: str
    """``TCP``, ``UDP``, ``any``, or the protocol's number."""
    local_ports: tuple[str, ...] = ()
    remote_addresses: tuple[str, ...] = ()
    display: str = ""
    group: str = ""
    profiles: tuple[str, ...] = ()
    """``Domain``, ``Private``, ``Public``; empty: any."""
    program: str = ""
    service: str = ""
    policy: bool = False
    conditions: tuple[str, ...] = ()
    """What narrows it further, as Windows keeps it (``rport=1024``, ``la4=10.0.0.1``); empty: nothing."""


@dataclass(frozen=True)
class ObservedFileContent:
    """One file on the machine; ``content`` is None where it was not asked for, or must not leave the machine."""

    sha256: str
    size: int
    content: bytes | None = None


@dataclass(frozen=True)
class DeadMan:
    """A switch that waits for its confirmation: a scheduled task restores the old state at ``due``."""

    token: str
    due: datetime
    fired: bool


@dataclass(frozen=True)
class ObservedWindows:
    """Everything the planners need to know of one Windows machine, read in one remote process."""

    clock: datetime
    computer: str
    os_caption: str
    os_version: str
    domain_role: int
    """As Win32_ComputerSystem counts: 4 and 5 are domain controllers."""
    user: str
    elevated: bool
    iis_installed: bool
    sites: tuple[IisSite, ...] = ()
    ssl_entries: tuple[SslEntry, ...] = ()
    stores: Mapping[str, tuple[StoredCertificateFound, ...] | None] = field(default_factory=dict)
    """By store name (``My``, ``Root``, ``CA``); None: there is no such store."""
    services: Mapping[str, WindowsService | None] = field(default_factory=dict)
    firewall_rules: tuple[FirewallRule, ...] = ()
    registry: Mapping[str, Any] = field(default_factory=dict)
    """Further trees that were asked for, by path: ``{"values": {name: data}, "keys": {name: tree}}`` or None."""
    files: Mapping[str, ObservedFileContent | None] = field(default_factory=dict)
    folders: Mapping[str, Mapping[str, ObservedFileContent] | None] = field(default_factory=dict)
    """By path: the files of the folder by name, one level deep; None: there is no such folder."""
    accounts: Mapping[str, tuple[bool, bool] | None] = field(default_factory=dict)
    """Local accounts by name: (enabled, locked); None: there is none."""
    resolved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dead_men: tuple[DeadMan, ...] = ()
    lock: HostLock | None = None
    unreadable: tuple[str, ...] = ()
    """What could not be read, as sentences (a damaged rule, an unknown flag); a damaged IIS configuration is an error
    of the observation itself."""
    presented: CertificateFacts | None = None
    """What a gateway of layout ``smp-8`` presents to whoever dials it from here: its server.pfx cannot be read."""
    observer_clock: datetime | None = None
    """The operator's clock at that moment; None for a record."""

    @property
    def is_domain_controller(self) -> bool:
        """Whether the machine is a domain controller: it has no local accounts (SS-01)."""
        return self.domain_role >= 4  # noqa: PLR2004 - see domain_role

    def personal(self) -> tuple[StoredCertificateFound, ...]:
        """Return the certificates of LocalMachine's ``My``."""
        return self.stores.get("My") or ()
