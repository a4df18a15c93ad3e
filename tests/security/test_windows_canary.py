"""No secret of a Windows server leaves its place: account passwords, a PFX and its key, the ACC, the PKI's passphrase.

cemops and stock pyinfra work on stand-ins with canaries for secrets, loudly, on good days and bad ones; everything that
they said and left is searched.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from cemops.lab.folder import write_file
from tests.functional.forked_cemops import forked_cemops
from tests.functional.windows.windows_site import HTTPS_PORT, PASSWORD, ROOT, WindowsSite
from tests.security.test_canary import found_in, key_body, needles_of, watching

pytestmark = pytest.mark.slow

PYINFRA = str(Path(sys.executable).parent / "pyinfra")
CEMOPS = (sys.executable, "-m", "cemops")
PASSPHRASE = 'cänary/pki "passphrase" +&55e0'
PFX_PASSWORD = "canary=pfx%password;93b7"
ACC_PASSWORD = "canary\\acc<password>'2f4c"
WRONG_PASSWORD = "canary|wrong$password`8d16"
SECRETS = {
    "password of the log-on": PASSWORD,
    "wrong password": WRONG_PASSWORD,
    "passphrase of the pki folder": PASSPHRASE,
    "password of the pfx": PFX_PASSWORD,
    "password of the ACC": ACC_PASSWORD,
}
SITE_SERVERS = (PYINFRA, "inventory", "deploys/site_servers.py")
AGENT_SITE = (PYINFRA, "inventory", "deploys/agent_site.py")
RECORD = "record.json"
LOUD = ("-vvv", "--debug")

BEFORE: tuple[tuple[str, ...], ...] = (
    (*CEMOPS, "plan", "--debug"),
    (*CEMOPS, "plan", "--format", "json"),
    (*CEMOPS, "observe", "--out", RECORD, "--debug"),
    (*CEMOPS, "observe", "--show-identity"),
    (*CEMOPS, "plan", "--observed", RECORD, "--debug"),
    (*SITE_SERVERS, "--dry", "--diff", *LOUD),
    (*SITE_SERVERS, "--dry", "--debug-operations", "--debug-facts"),
    (PYINFRA, "inventory", "debug-inventory"),
)
REFUSED: tuple[tuple[str, ...], ...] = ((*CEMOPS, "apply", "--yes", "--debug", "--limit", "ps1"),)
APPLYING: tuple[tuple[str, ...], ...] = (
    (*CEMOPS, "apply", "--yes", "--debug", "--limit", "ps1"),
    (*AGENT_SITE, "-y", *LOUD),
    (*CEMOPS, "apply", "--yes", "--format", "json", "--debug"),
)
FAILING: tuple[tuple[str, ...], ...] = (
    (*CEMOPS, "plan", "--debug"),
    (*SITE_SERVERS, "-y", *LOUD),
)


@dataclass
class Day:
    """An estate of stand-ins, what every command said, and the command lines of all processes meanwhile."""

    site: WindowsSite
    needles: dict[str, str] = field(repr=False)
    said: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set, repr=False)

    def run(self, title: str, commands: tuple[tuple[str, ...], ...]) -> None:
        environ = {**os.environ, "CEMOPS_ESTATE": str(self.site.folder / "estate.yaml")}
        for words in commands:
            line = [str(self.site.folder / RECORD) if word == RECORD else word for word in words]
            if words[: len(CEMOPS)] == CEMOPS:
                done = forked_cemops(*line[len(CEMOPS) :], folder=ROOT, environment=environ)
            else:
                done = subprocess.run(
                    line,
                    cwd=ROOT,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
            name = f"{title} {len(self.said)}: {' '.join(words[1:])}"
            self.said[name], self.codes[name] = done.stdout + done.stderr, done.returncode

    def files(self) -> list[Path]:
        return [path for path in self.site.folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _secret(site: WindowsSite, name: str, value: str) -> str:
    write_file(site.folder / name, f"{value}\n".encode(), 0o600)
    return f"file:{name}"


def _declare(site: WindowsSite) -> str:
    """Declare a PFX and an ACC besides what is there; return a line of the PFX's key."""
    pfx_password, acc = _secret(site, "pfx-password", PFX_PASSWORD), _secret(site, "acc", ACC_PASSWORD)
    _secret(site, "passphrase", PASSPHRASE)
    made = site.old_certificate("ps1.corp.test.example")
    key = load_pem_private_key(made.key, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    packed = serialize_key_and_certificates(
        b"ps1",
        key,
        x509.load_pem_x509_certificate(made.certificate),
        None,
        BestAvailableEncryption(PFX_PASSWORD.encode()),
    )
    write_file(site.folder / "ps1.pfx", packed, 0o600)
    site.add_notification_server()
    https = {"port": HTTPS_PORT, "install_certificate": True}
    site.add_site_server("ps1", https={**https, "certificate": {"pfx": "ps1.pfx", "password": pfx_password}})
    credential = {"username": "acc", "password": acc, "create_local_account": True, "unlock": True}
    site.estate["site_server_settings"] = [
        {"notification_server": "ns1", "agent_connectivity_credential": credential},
    ]
    return key_body(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with WindowsSite(tmp_path_factory.mktemp("canary") / "site") as site:
        made = Day(site, needles_of({**SECRETS, "key in the pfx": _declare(site)}))
        site.start()
        with watching(made.seen):
            made.run("before", BEFORE)
            for refused in ("Import-Pfx", "Add-Account"):
                site.faults("ps1", refuses=[refused])
                made.run(refused, REFUSED)
            site.faults("ps1")
            made.run("applying", APPLYING)
            write_file(site.folder / "password", f"{WRONG_PASSWORD}\n".encode(), 0o600)
            made.run("wrong password", FAILING)
            write_file(site.folder / "password", f"{PASSWORD}\n".encode(), 0o600)
            write_file(site.folder / "pfx-password", f"{WRONG_PASSWORD}\n".encode(), 0o600)
            made.run("wrong pfx password", FAILING)
            write_file(site.folder / "pfx-password", f"{PFX_PASSWORD}\n".encode(), 0o600)
        yield made


def test_the_commands_did_what_they_are_for(day: Day) -> None:
    good = [name for name in day.codes if name.startswith(("before", "applying"))]
    assert {name: day.said[name] for name in good if day.codes[name] not in {0, 2}} == {}
    bad = [name for name in day.codes if name not in good]
    assert {day.codes[name] for name in bad} == {1}
    assert "Add-Account acc ***" in day.site.calls("ps1")
    assert any(line.startswith("Import-Pfx") for line in day.site.calls("ns1"))
    for title, text in {
        "Add-Account": "the machine refuses Add-Account",
        "Import-Pfx": "the machine refuses Import-Pfx",
        "wrong password": "refuses the logon of",
        "wrong pfx password": "cannot be opened",
    }.items():
        found = " ".join(" ".join(day.said[name].split()) for name in bad if name.startswith(title))
        assert text in found, title


def test_no_command_says_a_secret(day: Day) -> None:
    assert {name: found for name, text in day.said.items() if (found := found_in(text, day.needles))} == {}
    assert [name for name, text in day.said.items() if "PRIVATE KEY-----" in text] == []


def test_no_process_has_a_secret_in_its_command_line(day: Day) -> None:
    lines = [line.decode("utf-8", "replace") for line in day.seen]
    assert any("deploys/site_servers.py" in line for line in lines)
    assert [line for line in lines if found_in(line, day.needles)] == []


def test_no_file_holds_a_secret_but_those_that_are_its_place_and_what_a_machine_must_hold(day: Day) -> None:
    folder = day.site.folder
    leaks = {
        str(path.relative_to(folder))
        for path in day.files()
        if found_in(path.read_bytes().decode("utf-8", "replace"), day.needles)
    }
    of_operator = {"password", "passphrase", "pfx-password", "acc"}
    of_machines = {"ns1/endpoint.json", "ps1/endpoint.json", "ps1/machine.json"}
    assert leaks == of_operator | of_machines
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in leaks} == {0o600}


def test_a_machine_holds_the_key_of_its_certificate_and_no_password(day: Day) -> None:
    text = (day.site.folder / "ps1" / "machine.json").read_text("utf-8")
    assert found_in(text, day.needles) == ["key in the pfx"]


def test_keys_on_the_operators_side_are_encrypted(day: Day) -> None:
    keys = [path for path in (day.site.folder / "pki").rglob("*.pem") if b"PRIVATE KEY" in path.read_bytes()]
    assert len(keys) >= 3
    assert [str(path) for path in keys if b"ENCRYPTED PRIVATE KEY" not in path.read_bytes()] == []


def test_the_record_of_observations_holds_the_machines_and_no_secret(day: Day) -> None:
    text = (day.site.folder / RECORD).read_text("utf-8")
    assert {host["host"] for host in json.loads(text)["hosts"]} == {"ns1", "ps1"}
    assert found_in(text, day.needles) == []
