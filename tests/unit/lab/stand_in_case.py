"""A case of the payload (docs/windows-payload.md, "Cases") as a machine of the stand-in, and back."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cemops.lab.windows.certificate_stores import CertificateStores, StoredCertificate, sid_of
from cemops.lab.windows.drive import Drive
from cemops.lab.windows.faults import Faults
from cemops.lab.windows.firewall_rules import RULES, FirewallEntry, parse_rule, rule_text, set_rule
from cemops.lab.windows.http_sys import DEFAULT_SETTINGS, PARAMETERS, SslCert, set_ssl_cert, ssl_certs
from cemops.lab.windows.iis_model import Application, Binding, Iis, Site
from cemops.lab.windows.invocation import run_request
from cemops.lab.windows.leaf_error import LeafError, wrong_pfx_password
from cemops.lab.windows.machine_model import Account, DeadMan, HeldLock, Identity, Machine, Service
from cemops.lab.windows.native_programs import NoPrograms, Ran
from cemops.lab.windows.registry_model import RegistryKey
from cemops.lab.windows.writing_leaves import Leaves

_NOW_MS = 1_700_000_000_000
_OS = {"caption": "Windows Server", "version": "10.0", "domain_role": 3, "computer": "FAKE"}
_USER = {"name": "FAKE\\operator", "elevated": True}
_WOW = "HKLM:\\SOFTWARE\\WOW6432Node"


class ForgivingDrive(Drive):
    """The cases' files have no folders above them."""

    def write(self, path: str, content: bytes, *, private: bool) -> None:
        self.place(path).parent.mkdir(parents=True, exist_ok=True)
        super().write(path, content, private=private)


class CaseMachine(Machine):
    """A machine with the clock of its case."""

    now_ms = _NOW_MS

    @property
    def drive(self) -> Drive:
        return ForgivingDrive(self.folder / "drives")

    def time_ms(self) -> int:
        return self.now_ms


class CaseStores(CertificateStores):
    """Takes whatever a case's PFX is said to hold: with a key, without, several."""

    def import_pfx(self, store: str, content: bytes, password: str) -> None:
        self.content(store)
        for one in self.pfx_reader(content, password):
            self.put(store, one)


class WorkingHttpd(NoPrograms):
    """Has an httpd that is content."""

    def test_httpd(self, program: str, configuration: str) -> Ran:  # noqa: ARG002 - one of NativePrograms
        return Ran(0, "Syntax OK")

    def rehearse_httpd(self, program: str, configuration: str, port: int, seconds: int) -> Ran:  # noqa: ARG002 - as above
        return Ran(0, "done")


def _stored(one: dict[str, Any]) -> StoredCertificate:
    readers = one.get("readers")
    return StoredCertificate(
        thumbprint=one["thumbprint"],
        der=b64decode(one.get("der", "")),
        key=b"a key" if one["has_private_key"] else None,
        friendly_name=one.get("friendly_name", ""),
        readers=None if readers is None else tuple(sid_of(reader) for reader in readers),
    )


def _unknown_octets() -> LeafError:
    return LeafError("Cannot find the requested object.")


def _readers(machine: dict[str, Any]) -> tuple[Callable[[bytes, str], Any], Callable[[bytes], str]]:
    def pfx(content: bytes, password: str) -> tuple[StoredCertificate, ...]:
        known = machine.get("pfx", {}).get(b64encode(content).decode())
        if known is None:
            raise _unknown_octets()
        if known["password"] != password:
            raise wrong_pfx_password()
        return tuple(_stored({**one, "readers": []}) for one in known["certificates"])

    def thumbprint(der: bytes) -> str:
        known = machine.get("der", {}).get(b64encode(der).decode())
        if known is None:
            raise _unknown_octets()
        return str(known)

    return pfx, thumbprint


def _iis(case: dict[str, Any]) -> Iis | None:
    machine = case["machine"]
    if machine.get("iis") is not None:
        return Iis(machine["iis"]["config"] or "", path=machine["iis"]["path"])
    if "sites" not in machine and "state" in json.dumps(case["request"]):
        return None
    sites = machine.get("sites", [])
    iis = Iis.with_sites(
        *(
            Site(
                one["name"],
                one["id"],
                tuple(Binding(it["protocol"], it["information"], it["ssl_flags"]) for it in one["bindings"]),
                (Application("/", "C:\\inetpub\\wwwroot"),),
            )
            for one in sites
        )
    )
    iis.stopped = {one["name"] for one in sites if one["state"] != "Started"}
    return iis


def _add_entries(machine: CaseMachine, described: dict[str, Any]) -> None:
    for name, values in described.get("registry", {}).items():
        view, _, path = name.rpartition("|")
        key = machine.registry.make_key(path, view or "64")
        for value, held in values.items():
            key.set_value(value, held["kind"], held["data"])
    for one in described.get("sslcerts", []):
        set_ssl_cert(machine.registry, SslCert(**one))
    for rule, one in described.get("firewall", {}).items():
        lists = {name: tuple(one[name]) for name in ("local_ports", "remote_addresses")}
        set_rule(machine.registry, rule, FirewallEntry(**{**one, **lists}))
    for path, content in described.get("files", {}).items():
        machine.drive.write(path, b64decode(content), private=False)
    for path in described.get("folders", []):
        machine.drive.make_folder(path, private=False)


class StandInCase:
    """One case on a machine of its own."""

    def __init__(self, case: dict[str, Any], folder: Path) -> None:
        self.case = case
        described = case["machine"]
        own_os, user = {**_OS, **described.get("os", {})}, {**_USER, **described.get("user", {})}
        pfx, thumbprint = _readers(described)
        machine = CaseMachine(
            folder=folder,
            identity=Identity(
                **own_os, fqdn="fake.example", address="127.0.0.1", user=user["name"], elevated=user["elevated"]
            ),
            iis=_iis(case),
            certificates=CaseStores(
                {name: [_stored(one) for one in held] for name, held in described.get("stores", {}).items()},
                pfx,
                thumbprint,
            ),
            services={name: Service(**one) for name, one in described.get("services", {}).items()},
            accounts={name: Account(**one) for name, one in described.get("accounts", {}).items()},
            names={name.lower(): tuple(held) for name, held in described.get("names", {}).items()},
            dead_men=[DeadMan(**one) for one in described.get("dead_men", [])],
            lock=HeldLock(**described["lock"]) if described.get("lock") else None,
        )
        machine.now_ms = described.get("time_ms", _NOW_MS)
        _add_entries(machine, described)
        self.machine = machine
        self._of_entries = self._add_certificates_of_entries()
        faults = Faults(
            tuple(described.get("refuses", ())),
            tuple(described.get("ignores", ())),
            (),
            described.get("swaps", {}),
            (described.get("iis") or {}).get("error"),
        )
        self.leaves = Leaves(machine, WorkingHttpd(), lambda: faults)

    def _add_certificates_of_entries(self) -> set[str]:
        """Put what http.sys names into its store: the cases leave it out where no op looks for it."""
        added = set()
        stores = self.machine.certificates
        for one in ssl_certs(self.machine.registry):
            store = one.store or "My"
            if not stores.has(store):
                stores.stores[store] = []
            if one.thumbprint and stores.find(store, one.thumbprint) is None:
                stores.put(store, StoredCertificate(one.thumbprint, b"", b"a key"))
                added.add(one.thumbprint)
        return added

    def run(self) -> dict[str, Any]:
        """Run the request; return reply or error, the calls, and the machine afterwards, as ``run.py`` judges them."""
        outcome: dict[str, Any] = {"reply": None, "error": None}
        try:
            outcome["reply"] = run_request(self.leaves, self.case["request"])
        except LeafError as error:
            outcome["error"] = error.as_envelope()
        return {**outcome, "calls": self.leaves.calls, "after": self._after()}

    def _after(self) -> dict[str, Any]:
        machine = self.machine
        firewall_key = machine.registry.key(RULES)
        rules = {} if firewall_key is None else firewall_key.values
        return {
            "stores": {name: self._store(name) for name in self.case["machine"].get("stores", {})},
            "services": {name: self._service(name) for name in machine.services},
            "files": self._files(),
            "folders": self._folders(),
            "accounts": {name: asdict(one) for name, one in machine.accounts.items()},
            "firewall": {
                rule: json.loads(json.dumps(asdict(parse_rule(rule_text(machine.registry, rule) or ""))))
                for rule in rules
            },
            "sites": self.leaves.get_sites() if "sites" in self.case["machine"] else [],
            "sslcerts": [self._ssl_cert(one) for one in ssl_certs(machine.registry)],
            "dead_men": self.leaves.get_dead_men(),
            "lock": self.leaves.get_lock(),
            "registry": self._registry(machine.registry.root, "HKLM:"),
        }

    def _store(self, name: str) -> list[dict[str, Any]]:
        said = json.dumps(self.case)
        accounts = {sid_of(one): one for one in (action.get("account", "") for action in self._actions())}
        accounts |= {
            sid_of(reader): reader
            for held in self.case["machine"]["stores"].values()
            for one in held
            for reader in one.get("readers") or []
        }
        found = []
        for one in self.machine.certificates.content(name):
            if one.thumbprint in self._of_entries:
                continue
            entry: dict[str, Any] = {"thumbprint": one.thumbprint, "has_private_key": one.has_private_key}
            if one.readers is not None or "readers" in said:
                entry["readers"] = [accounts[reader] for reader in one.readers or ()]
            found.append(entry)
        return found

    def _actions(self) -> list[dict[str, Any]]:
        request = self.case["request"]
        actions = request.get("actions") if isinstance(request, dict) else None
        return [one for one in actions if isinstance(one, dict)] if isinstance(actions, list) else []

    def _service(self, name: str) -> dict[str, Any]:
        known = self.case["machine"]["services"].get(name, {})
        found = {field: held for field, held in asdict(self.machine.services[name]).items() if field in known}
        return {**found, "pid": known["pid"]} if "pid" in known else found  # the cases do not number processes

    def _files(self) -> dict[str, str]:
        root = self.machine.folder / "drives"
        return {
            _windows_path(file, root): b64encode(file.read_bytes()).decode()
            for file in sorted(root.rglob("*"))
            if file.is_file()
        }

    def _folders(self) -> list[str]:
        told = [*self.case["machine"].get("folders", [])]
        told += [one["path"] for one in self._actions() if one.get("op") == "folder.ensure" and one["path"] not in told]
        return [path for path in told if self.machine.drive.is_folder(path)]

    def _ssl_cert(self, one: SslCert) -> dict[str, Any]:
        said = json.dumps(self.case)
        settings = {
            name: value for name, value in one.settings.items() if name in said or DEFAULT_SETTINGS.get(name) != value
        }
        return {**asdict(one), "settings": settings}

    def _registry(self, key: RegistryKey, path: str) -> dict[str, Any]:
        if path in {PARAMETERS, RULES}:
            return {}
        asked = path in self.case["machine"].get("registry", {})
        name = path.replace(_WOW, "32|HKLM:\\SOFTWARE") if path.startswith(_WOW) else path
        found = {name: key.values} if key.values or asked else {}
        for child, below in key.keys.items():
            found |= self._registry(below, f"{path}\\{child}")
        return found


def _windows_path(file: Path, root: Path) -> str:
    drive, *parts = file.relative_to(root).parts
    return "\\".join([f"{drive}:", *parts])
