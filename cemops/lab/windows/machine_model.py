"""A Windows machine of the lab, in memory: what its leaves read and write."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from cemops.lab.windows.certificate_stores import CertificateStores
from cemops.lab.windows.drive import Drive
from cemops.lab.windows.iis_model import Iis
from cemops.lab.windows.registry_model import Registry

MEMBER_SERVER = 3
"""Win32_ComputerSystem.DomainRole of a server that is in a domain."""


@dataclass(frozen=True)
class Identity:
    """Who the machine says it is. ``address``: its own loopback address, on which everything of it listens."""

    computer: str
    fqdn: str
    address: str
    caption: str = "Microsoft Windows Server 2019 Standard (stand-in)"
    version: str = "10.0.17763"
    domain_role: int = MEMBER_SERVER
    user: str = ""
    elevated: bool = True


@dataclass
class Service:
    """One service; ``pid`` 0 unless it runs."""

    state: str
    start: str = "Automatic"
    account: str = "LocalSystem"
    path: str = ""
    pid: int = 0


@dataclass
class Account:
    """One local account; its password is not kept: nothing in the lab logs on with it."""

    enabled: bool = True
    locked: bool = False


@dataclass
class DeadMan:
    """A task that runs ``script`` once at ``due_ms``, unless it is confirmed before."""

    token: str
    due_ms: int
    script: bytes = b""
    fired: bool = False


@dataclass
class HeldLock:
    """The lock on the machine, for operators who share no store."""

    token: str
    store: str
    owner: str
    since_ms: int
    expires_ms: int


@dataclass
class Machine:
    """One machine. ``folder`` holds ``machine.json``, and its drives below ``drives``."""

    folder: Path
    identity: Identity
    iis: Iis | None = None
    certificates: CertificateStores = field(default_factory=CertificateStores)
    registry: Registry = field(default_factory=Registry)
    services: dict[str, Service] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """DNS: addresses by lower-case name."""
    hosts_file: Path | None = None
    """The lab's file of names, as /etc/hosts: what somebody adds to it is resolved, too."""
    dead_men: list[DeadMan] = field(default_factory=list)
    lock: HeldLock | None = None
    file_readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """SIDs that were given the right to read a file, by its path in lower case."""
    clock_offset_ms: int = 0
    """How far its clock is off."""

    @property
    def drive(self) -> Drive:
        """Its files."""
        return Drive(self.folder / "drives")

    def time_ms(self) -> int:
        """Return what its clock shows, in milliseconds since 1970."""
        return time.time_ns() // 1_000_000 + self.clock_offset_ms

    def service(self, name: str) -> Service | None:
        """Return a service by name, whatever its case."""
        return next((one for known, one in self.services.items() if known.lower() == name.lower()), None)

    def account(self, name: str) -> Account | None:
        """Return a local account by name, whatever its case."""
        return next((one for known, one in self.accounts.items() if known.lower() == name.lower()), None)

    def dead_man(self, token: str) -> DeadMan | None:
        """Return the dead man of that token."""
        return next((one for one in self.dead_men if one.token == token), None)

    def known_names(self) -> dict[str, tuple[str, ...]]:
        """Return what DNS and the hosts file hold now: addresses by lower-case name."""
        known = dict(self.names)
        lines = [] if self.hosts_file is None else self.hosts_file.read_text("utf-8").splitlines()
        for line in lines:
            address, *names = line.partition("#")[0].split() or ("",)
            known |= {name.lower(): (address,) for name in names}
        return known

    def resolve(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name, as the machine's resolver has them."""
        own = {self.identity.computer.lower(), self.identity.fqdn.lower()}
        return self.known_names().get(name.lower()) or ((self.identity.address,) if name.lower() in own else ())
