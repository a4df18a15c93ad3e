"""The reading leaves of a stand-in, with the names of the payload's (docs/windows-payload.md): plain data out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from cemops.lab.windows.certificate_stores import sid_of
from cemops.lab.windows.faults import Faults
from cemops.lab.windows.firewall_rules import parse_rule, rule_text
from cemops.lab.windows.http_sys import SslCert, ssl_certs
from cemops.lab.windows.iis_model import Iis
from cemops.lab.windows.leaf_error import LeafError, file_in_use
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.native_programs import NativePrograms, NoPrograms


def no_notice() -> None:
    """Do nothing about a change."""


class ReadingLeaves:
    """What can be read on a machine."""

    def __init__(
        self,
        machine: Machine,
        programs: NativePrograms | None = None,
        faults: Callable[[], Faults] = Faults,
        changed: Callable[[], None] = no_notice,
    ) -> None:
        self.machine = machine
        self.programs = programs or NoPrograms()
        self.faults = faults
        self.changed = changed
        self.calls: list[str] = []
        """Lines of the writing leaves that were called."""

    def called(self, line: str) -> None:
        """Take note of a call."""
        self.calls.append(line)

    def get_registry_tree(self, path: str, view: str) -> dict[str, Any] | None:
        """Get-RegistryTreeLeaf."""
        key = self.machine.registry.key(path, view)
        return None if key is None else key.as_tree()

    def get_registry_value(self, path: str, name: str, view: str) -> dict[str, Any] | None:
        """Get-RegistryValueLeaf."""
        key = self.machine.registry.key(path, view)
        return None if key is None else key.value(name)

    def get_store(self, store: str) -> dict[str, Any] | None:
        """Get-StoreLeaf."""
        certificates = self.machine.certificates
        if not certificates.has(store):
            return None
        held = [
            {
                "der": b64encode(one.der).decode("ascii"),
                "has_private_key": one.has_private_key,
                "friendly_name": one.friendly_name,
                "readers": None if one.readers is None else list(one.readers),
            }
            for one in certificates.content(store)
        ]
        return {"certificates": held}

    def get_certificate(self, store: str, thumbprint: str) -> dict[str, Any] | None:
        """Get-CertificateLeaf."""
        found = self.machine.certificates.find(store, thumbprint)
        return None if found is None else {"thumbprint": found.thumbprint, "has_private_key": found.has_private_key}

    def test_key_reader(self, store: str, thumbprint: str, account: str) -> bool:
        """Test-KeyReaderLeaf."""
        found = self.machine.certificates.find(store, thumbprint)
        return found is not None and sid_of(account) in (found.readers or ())

    def get_iis(self) -> dict[str, Any] | None:
        """Get-IisLeaf."""
        iis = self.machine.iis
        if iis is None:
            return None
        locked = self.faults().iis_locked
        return {"path": iis.path, "config": None if locked else iis.config, "error": locked}

    def readable_iis(self) -> Iis:
        """Return IIS. Raises LeafError where it is not installed, or its configuration is locked."""
        iis = self.machine.iis
        if iis is None:
            raise LeafError("IIS is not installed on this machine", hresult=0x80070002)
        if self.faults().iis_locked:
            raise file_in_use(iis.path)
        return iis

    def get_sites(self) -> list[dict[str, Any]]:
        """Get-SitesLeaf."""
        iis = self.readable_iis()
        return [
            {
                "name": site.name,
                "id": site.id,
                "state": "Started" if iis.runs(site.name) else "Stopped",
                "bindings": [asdict(binding) for binding in site.bindings],
            }
            for site in iis.sites()
        ]

    def get_ssl_certs(self) -> list[SslCert]:
        """Get-SslCertsLeaf."""
        return list(ssl_certs(self.machine.registry))

    def get_service(self, service: str) -> dict[str, Any] | None:
        """Get-ServiceLeaf."""
        found = self.machine.service(service)
        if found is None:
            return None
        told = asdict(found)
        if found.state == "Running" and self.programs.serves(service) is False:
            told |= {"state": "Stopped", "pid": 0}
        return told

    def get_file(self, path: str, content: bool) -> dict[str, Any] | None:
        """Get-FileLeaf."""
        return self.machine.drive.describe(path, content=content)

    def test_file_reader(self, path: str, account: str) -> bool:
        """Test-FileReaderLeaf."""
        return sid_of(account) in self.machine.file_readers.get(path.lower(), ())

    def get_folder(self, path: str, content_below: int, hash_only: tuple[str, ...]) -> dict[str, Any] | None:
        """Get-FolderLeaf."""
        return self.machine.drive.list_folder(path, content_below, hash_only)

    def test_folder(self, path: str) -> bool:
        """Test-FolderLeaf."""
        return self.machine.drive.is_folder(path)

    def get_account(self, account: str) -> dict[str, Any] | None:
        """Get-AccountLeaf."""
        found = self.machine.account(account)
        return None if found is None else asdict(found)

    def get_firewall_rule(self, rule: str) -> dict[str, Any] | None:
        """Get-FirewallRuleLeaf."""
        text = rule_text(self.machine.registry, rule)
        return None if text is None else asdict(parse_rule(text))

    def get_dead_men(self) -> list[dict[str, Any]]:
        """Get-DeadMenLeaf."""
        return [{"token": one.token, "due_ms": one.due_ms, "fired": one.fired} for one in self.machine.dead_men]

    def get_lock(self) -> dict[str, Any] | None:
        """Get-LockLeaf."""
        return None if self.machine.lock is None else asdict(self.machine.lock)

    def get_os(self) -> dict[str, Any]:
        """Get-OsLeaf."""
        own = self.machine.identity
        return {
            "caption": own.caption,
            "version": own.version,
            "domain_role": own.domain_role,
            "computer": own.computer,
        }

    def get_user(self) -> dict[str, Any]:
        """Get-UserLeaf."""
        own = self.machine.identity
        return {"name": own.user, "elevated": own.elevated}

    def get_time(self) -> int:
        """Get-TimeLeaf."""
        return self.machine.time_ms()

    def resolve_name(self, name: str) -> list[str]:
        """Resolve-NameLeaf."""
        return list(self.machine.resolve(name))
