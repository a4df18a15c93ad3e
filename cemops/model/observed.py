"""What a gateway host was found to hold: plain data, filled in by the fact, compared by the planner.

Nothing here echoes what is desired: every field was read on the host, from contents and never from a name alone.
Private keys are never read; of a key only its public half leaves the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cemops.model.host_lock import HostLock


@dataclass(frozen=True)
class ObservedHttpd:
    """The Apache httpd that the host has. ``modules_dir`` is where its shared modules lie."""

    binary: str
    modules_dir: str
    missing_modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObservedFile:
    """One file: SHA-256 (lower-case hex) of its bytes, permission bits (octal text) and owner."""

    sha256: str
    mode: str
    uid: int


@dataclass(frozen=True)
class ObservedCertificate:
    """The certificate that the live configuration names, and what could be read of its key."""

    certificate_path: str
    key_path: str
    pem: str | None
    key_public_sha256: str | None
    """Lower-case hex SHA-256 of the key's public half (DER), None where the key cannot be read."""


@dataclass(frozen=True)
class PendingSwitch:
    """A switch that waits for its confirmation: the dead-man timer reverts it at ``deadline``."""

    token: str
    previous: str | None
    release: str
    deadline: datetime
    timer_alive: bool


@dataclass(frozen=True)
class ObservedService:
    """The running gateway. ``loaded`` is the release last loaded; ``started_with`` the sizing it was started with."""

    running: bool
    pid: int | None = None
    loaded: str | None = None
    started_with: str | None = None
    unit: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True)
class HostLimits:
    """Kernel limits that bound how many tunnels can be held; None where the host does not say."""

    pid_max: int | None = None
    threads_max: int | None = None
    nofile_hard: int | None = None


@dataclass(frozen=True)
class ObservedGateway:
    """Everything the planner needs to know of one gateway host, read in one remote command."""

    clock: datetime
    uid: int
    httpd: ObservedHttpd | None
    openssl: str | None
    fips_provider: bool | None
    account_exists: bool
    account_group: str | None
    own_addresses: tuple[str, ...]
    current: str | None
    """Name of the release that ``current`` points to; None where there is none (or it points outside)."""
    releases: Mapping[str, Mapping[str, ObservedFile]] = field(default_factory=dict)
    live_files: Mapping[str, str] = field(default_factory=dict)
    """Text of the live release's files by file name."""
    certificate: ObservedCertificate | None = None
    tls_files: Mapping[str, ObservedFile] = field(default_factory=dict)
    service: ObservedService = ObservedService(running=False)
    pending: PendingSwitch | None = None
    lock: HostLock | None = None
    confirmed: str | None = None
    observer_clock: datetime | None = None
    """The operator's clock at that moment; None for a record."""
    limits: HostLimits = HostLimits()
    resolved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses of each listed name as the gateway itself resolves it (IG-13); empty where it does not."""
