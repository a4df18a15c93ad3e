"""The writing leaves of a stand-in, with the names of the payload's (docs/windows-payload.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cemops.lab.windows import firewall_rules, http_sys
from cemops.lab.windows.certificate_stores import sid_of
from cemops.lab.windows.iis_model import Binding
from cemops.lab.windows.leaf_calls import running, writing
from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.leaves import ReadingLeaves
from cemops.lab.windows.machine_model import Account, DeadMan, HeldLock, Service
from cemops.lab.windows.native_programs import Ran
from cemops.lab.windows.registry_model import RegistryData

_SERVICE_PIDS = 4000
_DONE = Ran(0, "").as_wire()


class Leaves(ReadingLeaves):
    """Everything that can be read and written on a machine; one call is one change."""

    run_script: Callable[[DeadMan], None] | None = None
    """Runs a dead man's script. Raises LeafError where it failed."""

    @writing("Set-RegistryValue")
    def set_registry_value(self, path: str, name: str, kind: str, value: RegistryData, view: str) -> None:
        """Set-RegistryValueLeaf."""
        self.machine.registry.make_key(path, view).set_value(name, kind, value)

    @writing("Remove-RegistryValue")
    def remove_registry_value(self, path: str, name: str, view: str) -> None:
        """Remove-RegistryValueLeaf."""
        key = self.machine.registry.key(path, view)
        if key is not None:
            key.remove_value(name)

    @writing("Import-Pfx", secret=2)
    def import_pfx(self, store: str, content: bytes, password: str) -> None:
        """Import-PfxLeaf."""
        self.machine.certificates.import_pfx(store, content, password)

    @writing("Add-Certificate")
    def add_certificate(self, store: str, content: bytes) -> None:
        """Add-CertificateLeaf."""
        self.machine.certificates.add(store, content)

    @writing("Remove-Certificate")
    def remove_certificate(self, store: str, thumbprint: str) -> None:
        """Remove-CertificateLeaf."""
        self.machine.certificates.remove(store, thumbprint)

    @writing("Grant-Key")
    def grant_key(self, store: str, thumbprint: str, account: str) -> None:
        """Grant-KeyLeaf."""
        self.machine.certificates.allow(store, thumbprint, account)

    @writing("Add-Site")
    def add_site(self, site: str, path: str, protocol: str, information: str, ssl_flags: int) -> None:
        """Add-SiteLeaf."""
        self.readable_iis().add(site, path, Binding(protocol, information, ssl_flags))

    @writing("Start-Site")
    def start_site(self, site: str) -> None:
        """Start-SiteLeaf."""
        self.readable_iis().start(site)

    @writing("Add-Binding")
    def add_binding(self, site: str, protocol: str, information: str, ssl_flags: int) -> None:
        """Add-BindingLeaf: http.sys is not touched."""
        self.readable_iis().add_binding(site, Binding(protocol, information, ssl_flags))

    @writing("Set-BindingFlags")
    def set_binding_flags(self, site: str, protocol: str, information: str, ssl_flags: int) -> None:
        """Set-BindingFlagsLeaf."""
        self.readable_iis().set_flags(site, protocol, information, ssl_flags)

    @writing("Remove-Binding")
    def remove_binding(self, site: str, protocol: str, information: str) -> None:
        """Remove-BindingLeaf: http.sys is not touched."""
        self.readable_iis().remove_binding(site, protocol, information)

    @running("Add-SslCert")
    def add_ssl_cert(  # noqa: PLR0913, PLR0917  # the leaf's arguments
        self, kind: str, endpoint: str, thumbprint: str, store: str, appid: str, settings: dict[str, int | str]
    ) -> dict[str, Any]:
        """Add-SslCertLeaf: netsh's words where the endpoint is taken, or the certificate has no key there."""
        if any(one.is_at(kind, endpoint) for one in self.get_ssl_certs()):
            return Ran(1, "SSL Certificate add failed, Error: 183").as_wire()
        certificates = self.machine.certificates
        found = certificates.find(store, thumbprint) if kind != "ccs" and certificates.has(store) else None
        if kind != "ccs" and (found is None or not found.has_private_key):
            return Ran(1, "SSL Certificate add failed, Error: 1312").as_wire()
        kept = {**http_sys.DEFAULT_SETTINGS, **settings}
        taken = self.faults().swaps.get(thumbprint, thumbprint)
        http_sys.set_ssl_cert(
            self.machine.registry, http_sys.SslCert(kind, endpoint, taken.upper(), store, appid, kept)
        )
        return _DONE

    @running("Remove-SslCert")
    def remove_ssl_cert(self, kind: str, endpoint: str) -> dict[str, Any]:
        """Remove-SslCertLeaf."""
        if not any(one.is_at(kind, endpoint) for one in self.get_ssl_certs()):
            return Ran(1, "SSL Certificate deletion failed, Error: 2").as_wire()
        http_sys.remove_ssl_cert(self.machine.registry, kind, endpoint)
        return _DONE

    @writing("Set-ServiceStart")
    def set_service_start(self, service: str, start: str) -> None:
        """Set-ServiceStartLeaf."""
        self._service(service).start = start

    @writing("Start-Service")
    def start_service(self, service: str) -> None:
        """Start-ServiceLeaf."""
        found = self._service(service)
        if found.start == "Disabled":
            raise LeafError(f"service {service} is disabled", hresult=0x80070422)
        pid = self.programs.start_service(service)
        found.pid = _SERVICE_PIDS + len(service) * 4 if pid is None else pid
        found.state = "Running"

    @writing("Stop-Service")
    def stop_service(self, service: str) -> None:
        """Stop-ServiceLeaf."""
        found = self._service(service)
        self.programs.stop_service(service)
        found.state, found.pid = "Stopped", 0

    @writing("Write-File")
    def write_file(self, path: str, content: bytes, private: bool) -> None:
        """Write-FileLeaf."""
        self.machine.drive.write(path, content, private=private)
        if private:
            self.machine.file_readers.pop(path.lower(), None)

    @writing("Grant-File")
    def grant_file(self, path: str, account: str) -> None:
        """Grant-FileLeaf."""
        readers = self.machine.file_readers.get(path.lower(), ())
        self.machine.file_readers[path.lower()] = (*readers, sid_of(account))

    @writing("Copy-File")
    def copy_file(self, source: str, target: str) -> None:
        """Copy-FileLeaf."""
        self.machine.drive.copy(source, target)

    @writing("Remove-File")
    def remove_file(self, path: str) -> None:
        """Remove-FileLeaf."""
        self.machine.drive.remove(path)

    @writing("Add-Folder")
    def add_folder(self, path: str, private: bool) -> None:
        """Add-FolderLeaf."""
        self.machine.drive.make_folder(path, private=private)

    @writing("Add-Account", secret=1)
    def add_account(self, account: str, password: str) -> None:  # noqa: ARG002  # one of the leaf's arguments
        """Add-AccountLeaf."""
        self.machine.accounts[account] = Account()

    @writing("Unlock-Account")
    def unlock_account(self, account: str) -> None:
        """Unlock-AccountLeaf."""
        found = self.machine.account(account)
        if found is None:
            raise LeafError(f"The user name could not be found: {account}", hresult=0x800708AD)
        found.locked = False

    @writing("Set-FirewallRule")
    def set_firewall_rule(  # noqa: PLR0913, PLR0917  # the leaf's arguments
        self,
        rule: str,
        group: str,
        display: str,
        direction: str,
        action: str,
        protocol: str,
        local_ports: tuple[str, ...],
        remote_addresses: tuple[str, ...],
        program: str,
        profiles: str,
        enabled: bool,
    ) -> None:
        """Set-FirewallRuleLeaf."""
        entry = firewall_rules.FirewallEntry(
            group, display, direction, action, protocol, local_ports, remote_addresses, program, profiles, enabled
        )
        firewall_rules.set_rule(self.machine.registry, rule, entry)

    @writing("Remove-FirewallRule")
    def remove_firewall_rule(self, rule: str) -> None:
        """Remove-FirewallRuleLeaf."""
        firewall_rules.remove_rule(self.machine.registry, rule)

    @writing("Enable-FirewallRule")
    def enable_firewall_rule(self, rule: str, enabled: bool) -> None:
        """Enable-FirewallRuleLeaf."""
        firewall_rules.enable_rule(self.machine.registry, rule, enabled)

    @writing("Register-DeadMan")
    def register_dead_man(self, token: str, seconds: int, script: bytes) -> None:
        """Register-DeadManLeaf."""
        self.machine.dead_men.append(DeadMan(token, self.machine.time_ms() + seconds * 1000, script))

    @writing("Unregister-DeadMan")
    def unregister_dead_man(self, token: str) -> None:
        """Unregister-DeadManLeaf."""
        self.machine.dead_men = [one for one in self.machine.dead_men if one.token != token]

    @writing("Start-DeadMan")
    def start_dead_man(self, token: str) -> None:
        """Start-DeadManLeaf: runs its script now."""
        found = self.machine.dead_man(token)
        if found is None:
            raise LeafError(f"The system cannot find the file specified: task {token}", hresult=0x80070002)
        if self.run_script is not None:
            self.run_script(found)
        found.fired = True

    @writing("Add-Lock")
    def add_lock(self, token: str, store: str, owner: str, since_ms: int, expires_ms: int) -> None:
        """Add-LockLeaf: nothing where there is one."""
        if self.machine.lock is None:
            self.machine.lock = HeldLock(token, store, owner, since_ms, expires_ms)

    @writing("Remove-Lock")
    def remove_lock(self, token: str) -> None:
        """Remove-LockLeaf."""
        if self.machine.lock is not None and self.machine.lock.token == token:
            self.machine.lock = None

    @running("Invoke-HttpdTest")
    def invoke_httpd_test(self, program: str, configuration: str) -> dict[str, Any]:
        """Invoke-HttpdTestLeaf."""
        return self.programs.test_httpd(program, configuration).as_wire()

    @running("Invoke-HttpdRehearsal")
    def invoke_httpd_rehearsal(self, program: str, configuration: str, port: int, seconds: int) -> dict[str, Any]:
        """Invoke-HttpdRehearsalLeaf."""
        return self.programs.rehearse_httpd(program, configuration, port, seconds).as_wire()

    def _service(self, name: str) -> Service:
        found = self.machine.service(name)
        if found is None:
            raise LeafError(f"Service {name} was not found on computer '.'.", hresult=0x80070424)
        return found
