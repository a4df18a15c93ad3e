"""What a restore of a Windows gateway plans, on a gateway in memory: from a backup, in whole, in part, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.restore_run import RestoreRun, restoring
from cemops.execution.restored_parts import WHOLE, Part
from cemops.execution.windows_gateway_desired import windows_gateway
from cemops.execution.windows_gateway_restore import RestoringWindowsGateway
from cemops.model import topology
from cemops.pki import authorities, made_certificates
from cemops.pki.authorities import load_issuer
from cemops.pki.crl import issue_crl
from cemops.pki.folder import pki_folder
from cemops.pki.gateway_materials import gateway_key_pem, make_missing
from cemops.pki.issuing import self_signed_authority, years_from
from cemops.pki.windows_gateway_backup import WindowsGatewayBackup
from cemops.planning.windows.plan import PayloadAction, WindowsPlan
from tests.unit.planning.windows.gateway_machine import FOLDERS, ROOT, SMP7, GatewayInMemory, installed
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OTHER_ROOT = r"D:\Gateway"
CONNECTION = {
    "transport": "winrm",
    "address": "203.0.113.11",
    "credential": "ns-admin",
    "server_certificate": {"ca_file": "ca.pem"},
}
KEY, CONF = rf"{FOLDERS.apache_certs}\server.key", rf"{FOLDERS.conf}\httpd.conf"


class Machine(GatewayInMemory):
    """A gateway that is handed the backup's key."""

    key: bytes = b""

    def _secret(self, action: PayloadAction) -> dict[str, Any]:
        if action.material is None:
            return {}
        return {"content": base64.b64encode(self.key).decode(), "sha256": hashlib.sha256(self.key).hexdigest()}


@dataclass
class Situation:
    """An estate, the backup of a gateway that was applied from it, and machines to restore it to."""

    folder: Path
    backup: WindowsGatewayBackup
    hosts: tuple[str, ...]

    def context(self, **changes: object) -> EstateContext:
        return _context(self.folder, {key.replace("__", "."): value for key, value in changes.items()})

    def machine(self, *files: str) -> Machine:
        """What the installer lays down, and these files of the backup; all of them for ``*``."""
        made = Machine({ROOT, *SMP7})
        made.key = self.backup.key.get_secret_value().encode()
        for path, data in self.backup.files.items():
            if path in files or "*" in files:
                made.files[rf"{ROOT}\{path}"] = data
        return made

    def plan(
        self,
        machine: GatewayInMemory,
        parts: frozenset[Part] = WHOLE,
        backup: WindowsGatewayBackup | None = None,
        **changes: object,
    ) -> WindowsPlan:
        kind = restoring(backup or self.backup, parts)
        assert isinstance(kind, RestoringWindowsGateway)
        run = RestoreRun(self.context(**changes), NOW, restoring=kind)
        assert run.kind("gw1") is kind
        observed = machine.observed(resolved=dict.fromkeys(self.hosts, ("10.20.0.10",)))
        (plan,) = kind.parts(run, "gw1", observed)
        return plan


def _context(folder: Path, changes: dict[str, object]) -> EstateContext:
    windows = {"platform": "windows", "layout": "smp-7", "connection": CONNECTION}
    data = sample_data()
    data["gateways"][0] |= windows
    merged = sample_data(changes)["gateways"][0]
    data["gateways"][0] |= {name: value for name, value in merged.items() if f"gateways.0.{name}" in changes}
    file = folder / "estate.yaml"
    file.write_text(yaml.safe_dump(data), "utf-8")
    return EstateContext.of(read_estate(file))


@pytest.fixture
def situation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Situation:
    for module in (authorities, made_certificates):
        for name in ("new_authority_key", "new_leaf_key"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda: ec.generate_private_key(ec.SECP256R1()))
    monkeypatch.setenv("PKI_PASSPHRASE", "canary-restore-12cd")
    context = _context(tmp_path, {})
    gateway = topology.gateway(context.estate, "gw1")
    make_missing(context.estate, tmp_path, gateway, context.secrets, NOW, None)
    desired, _ = windows_gateway(context, gateway, installed(*SMP7).observed(), NOW)
    key = gateway_key_pem(context.estate, tmp_path, gateway, context.secrets)
    files = {
        r"Apache\conf\httpd.conf": (desired.configuration or "").encode(),
        r"Apache\conf\extra\notes.conf": b"# of the installer\n",
        r"Apache\certs\server.crt": (desired.certificate_pem or "").encode(),
        r"Apache\certs\server.key": key.get_secret_value().encode(),
        r"Apache\certs\client\readme.txt": b"notes",
    }
    for folder, trusted in (("client", desired.client), ("crl", desired.crl)):
        for file in trusted:
            files |= {rf"Apache\certs\{folder}\{name}": (file.text or "").encode() for name in file.names}
    backup = WindowsGatewayBackup(context.estate.estate, "gw1", NOW, "smp-7", ROOT, files)
    backup.check()
    return Situation(tmp_path, backup, desired.hosts)


def test_the_whole_backup_comes_back_though_nothing_is_left_of_the_pki_folder(situation: Situation) -> None:
    (situation.folder / "pki").rename(situation.folder / "gone")
    machine = situation.machine()
    plan = situation.plan(machine)
    assert plan.errors == ()
    machine.run(plan.preparation)
    assert not [path for path in machine.files if not path.startswith(FOLDERS.own)]
    machine.run(plan.actions)
    wanted = {
        rf"{ROOT}\{path}": data
        for path, data in situation.backup.files.items()
        if not path.endswith((".txt", "notes.conf"))
    }
    assert {path: data for path, data in machine.files.items() if not path.startswith(FOLDERS.own)} == wanted
    assert situation.plan(machine).is_empty


def test_no_part_changes_a_gateway_that_is_as_it_was(situation: Situation) -> None:
    machine = situation.machine("*")
    for part in Part:
        plan = situation.plan(machine, frozenset({part}))
        assert (part, plan.errors, plan.is_empty) == (part, (), True)


def test_a_key_of_another_certificate_is_replaced_by_the_backups(situation: Situation) -> None:
    (situation.folder / "pki" / "gateways").rename(situation.folder / "gone")
    machine = situation.machine("*")
    machine.files[KEY] = b"another key"
    plan = situation.plan(machine, frozenset({Part.CERTIFICATES}))
    assert plan.errors == ()
    assert [change.resource for change in plan.changes] == ["certificate", "service"]
    assert plan.cut_off == ()
    machine.run(plan.actions)
    assert machine.files[KEY] == machine.key


def test_a_changed_allow_list_is_restored_with_the_configuration_alone(situation: Situation) -> None:
    machine = situation.machine("*")
    fewer: dict[str, Any] = {"gateways__0__servers": [{"notification_server": "ns1"}]}
    assert situation.plan(machine, frozenset({Part.CONFIGURATION}), **fewer).is_empty
    changed = situation.plan(machine, frozenset({Part.CERTIFICATES}), **fewer)
    assert [change.name for change in changed.changes if change.resource == "file"] == [r"Apache\conf\httpd.conf"]


def test_in_another_folder_every_path_moves_and_is_rehearsed_over_the_files_on_trial(situation: Situation) -> None:
    from_there = replace(
        situation.backup,
        root=OTHER_ROOT,
        files={
            path: data.replace(ROOT.replace("\\", "/").encode(), OTHER_ROOT.replace("\\", "/").encode())
            for path, data in situation.backup.files.items()
        },
    )
    machine = situation.machine()
    plan = situation.plan(machine, backup=from_there)
    assert plan.errors == ()
    machine.run(plan.preparation)
    rehearsed = machine.files[rf"{FOLDERS.trial}\rehearsal.conf"].decode()
    assert "D:/Gateway" not in rehearsed
    trial = FOLDERS.trial.replace("\\", "/")
    for path in ("client", "crl", "server.crt", "server.key", "httpd.pid"):
        assert f'"{trial}/{path}"' in rehearsed, path
    machine.run(plan.actions)
    assert machine.files[CONF] == situation.backup.files[r"Apache\conf\httpd.conf"]


def test_a_ca_that_lies_there_as_der_alone_is_restored_so_that_httpd_finds_it(situation: Situation) -> None:
    files = dict(situation.backup.files)
    pem = files.pop(r"Apache\certs\client\ns1-root.cer")
    (copy,) = (path for path in files if path.endswith(".0"))
    del files[copy]
    files[r"Apache\certs\client\ns1-root.cer"] = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    machine = situation.machine()
    plan = situation.plan(machine, backup=replace(situation.backup, files=files))
    assert plan.errors == ()
    machine.run(plan.preparation)
    machine.run(plan.actions)
    assert machine.files[rf"{ROOT}\{copy}"] == pem


def test_two_cas_whose_files_differ_in_their_ending_both_come_back(situation: Situation) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    other = self_signed_authority("NS9 Root", key, years_from(NOW, 5)).public_bytes(Encoding.PEM)
    files = {**situation.backup.files, r"Apache\certs\client\ns1-root.pem": other}
    machine = situation.machine()
    parts = frozenset({Part.CLIENT_CAS, Part.CRLS, Part.CERTIFICATES})
    plan = situation.plan(machine, parts, backup=replace(situation.backup, files=files))
    assert plan.errors == ()
    machine.run(plan.preparation)
    machine.run(plan.actions)
    client = {path.rpartition("\\")[2]: data for path, data in machine.files.items() if r"\Apache\certs\client" in path}
    assert client["ns1-root.pem.cer"] == other
    assert client["ns1-root.cer"] == files[r"Apache\certs\client\ns1-root.cer"]
    assert len(client) == 4


def test_who_is_revoked_today_is_not_let_in_again(situation: Situation) -> None:
    context = situation.context()
    pki = pki_folder(context.estate, context.folder)
    issuer = load_issuer(context.estate, pki, "ns1-root", context.secrets)
    with pki.locked():
        issue_crl(pki, "ns1-root", issuer, 365, NOW, revoke=(11, 12))
    refused = situation.plan(situation.machine())
    assert any("names 2 that the backup's does not" in error for error in refused.errors)
    assert (refused.preparation, refused.actions) == ((), ())
    parts = frozenset({Part.CERTIFICATES, Part.CLIENT_CAS})
    assert situation.plan(situation.machine(), parts).errors == ()


def test_a_configuration_for_another_port_cannot_be_checked_and_is_refused(situation: Situation) -> None:
    elsewhere: dict[str, Any] = {"gateways__0__listen": {"port": 8443}}
    refused = situation.plan(situation.machine("*"), **elsewhere)
    assert any("listens on port 443, the estate says 8443" in error for error in refused.errors)


def test_of_8_the_managers_own_files_are_named_and_never_restored(situation: Situation) -> None:
    files = {
        r"certs\server.pfx": b"pfx",
        r"Settings\gateway.settings": b"settings",
        r"client\ns1.cer": situation.backup.files[r"Apache\certs\client\ns1-root.cer"],
        r"certs\crl\note.txt": b"",
    }
    backup = replace(situation.backup, layout="smp-8", files=files, presented="A" * 40)
    kind = restoring(backup)
    assert kind.by_hand == (r"certs\server.pfx", r"Settings\gateway.settings")
    with pytest.raises(CemopsError, match="--extract"):
        restoring(backup, frozenset({Part.CERTIFICATES}))
