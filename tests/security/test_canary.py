"""No secret leaves its place: each command is run with canaries for secrets, and everything it left is searched.

To add a command, add its words to ``COMMANDS`` (or ``FAILING``, with what is spoilt before it). Each canary is looked for as
it is and in the forms that programs write: base64 (at each of the three offsets), hex, URL-encoded, JSON-escaped.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cemops.lab.estate_lab import Lab, take_down
from tests.functional.forked_cemops import forked_cemops
from tests.functional.transaction.faults import kill_tree

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PYINFRA = str(Path(sys.executable).parent / "pyinfra")
CEMOPS = (sys.executable, "-m", "cemops")
STOCK = (PYINFRA, "inventory", "deploys/gateway.py")

PKI_PASSPHRASE = 'cänary/pki "passphrase" +&7c1e'
KEY_PASSPHRASE = "canary\\ssh<passphrase>'49d2"
PFX_PASSWORD = "canary=pfx%password;b8e0"
LOGIN_PASSWORD = "canary|login$password`61fa"
STORE_PASSWORD = "canary@store/password:5ec1"
ENVIRON = {
    "CANARY_PFX": PFX_PASSWORD,
    "CANARY_LOGIN": LOGIN_PASSWORD,
    "CANARY_KEY": KEY_PASSPHRASE,
    "CANARY_STORE_FILE": "sqlite:///.cemops/state.db",
    "CANARY_STORE": f"postgresql://cemops:{quote(STORE_PASSWORD, safe='')}@127.0.0.1:1/cemops",
}

WINDOWS = ("ns1", "ps1", "ps2", "gw3")
WINDOWS_KEY = "hosts/gw3/drives/C/*/Symantec/SMP Internet Gateway/Apache/certs/server.key"
ACC_PASSWORD = "secrets/acc-password"
RECORD = "record.json"
METRICS = "cemops.prom"
COMMANDS: tuple[tuple[str, ...], ...] = (
    (*CEMOPS, "validate", "--format", "json", "--strict"),
    (*CEMOPS, "validate", "--format", "sarif"),
    (*CEMOPS, "validate", "--format", "junit"),
    (*CEMOPS, "validate", "--format", "github"),
    (*CEMOPS, "validate", "--format", "gitlab"),
    (*CEMOPS, "schema"),
    (*CEMOPS, "plan", "--format", "markdown"),
    (*CEMOPS, "plan", "--debug"),
    (*CEMOPS, "plan", "--format", "json"),
    (PYINFRA, "inventory", "deploys/site_servers.py", "--dry", "-vvv", "--debug", "--limit", "ps1"),
    (PYINFRA, "inventory", "deploys/site_servers.py", "-y", "-vvv", "--debug", "--limit", "ps1"),
    (PYINFRA, "inventory", "deploys/agent_site.py", "-y", "-vvv", "--debug"),
    (*CEMOPS, "apply", "--yes", "--limit", "ps2"),
    (*STOCK, "--dry", "--diff", "--limit", "gw1"),
    (*CEMOPS, "apply", "--yes", "--debug", "--limit", "gw1"),
    (*STOCK, "-y", "-vvv", "--debug", "--limit", "gw2"),
    (*STOCK, "--dry", "--diff", "-vvv", "--debug"),
    (*STOCK, "--dry", "--json"),
    (*STOCK, "--dry", "--debug-operations", "--debug-facts"),
    (PYINFRA, "inventory", "debug-inventory"),
    (*CEMOPS, "apply", "--yes", "--format", "json"),
    (*CEMOPS, "history", "--debug"),
    (*CEMOPS, "history", "--verify", "--format", "json"),
    (*CEMOPS, "unlock", "--debug"),
    (*CEMOPS, "observe", "--out", RECORD, "--debug"),
    (*CEMOPS, "plan", "--observed", RECORD),
    (*CEMOPS, "plan", "--observed", RECORD, "--format", "markdown", "--metrics", METRICS),
    (*CEMOPS, "drift", "--observed", RECORD, "--format", "markdown"),
    (*CEMOPS, "observe", "--show-identity"),
    (*CEMOPS, "probe"),
    (*CEMOPS, "probe", "--format", "json", "--debug"),
    (*CEMOPS, "probe", "--format", "junit"),
    (*CEMOPS, "gateway", "backup", "--debug"),
    (*CEMOPS, "gateway", "backup", "--format", "json", "--limit", "gw1"),
    (*CEMOPS, "gateway", "restore", "gw1", "--yes", "--debug"),
    (*CEMOPS, "gateway", "drain", "gw1", "--wait", "20", "--format", "json", "--debug"),
)
"""Run in this order on one lab: servers first, since a gateway that nobody gets through fails its health gate.

``record.json`` and ``cemops.prom`` are below the lab's folder.
"""


@dataclass
class Site:
    """A lab whose estate names canaries, and everything that commands said on it."""

    lab: Lab
    needles: dict[str, str]
    """Text to look for -> what it is."""
    said: dict[str, str] = field(default_factory=dict)
    """Command -> stdout and stderr."""
    seen: set[bytes] = field(default_factory=set, repr=False)
    """Command lines of processes that ran meanwhile."""

    @property
    def estate(self) -> Path:
        return self.lab.estate_file

    def run(self, words: tuple[str, ...], **changes: str | None) -> int:
        environ: dict[str, str] = {**self.lab.environment, **ENVIRON}
        for name, value in changes.items():
            environ.pop(name, None)
            if value is not None:
                environ[name] = value
        words = tuple(str(self.lab.folder / word) if word in {RECORD, METRICS} else word for word in words)
        if words[: len(CEMOPS)] == CEMOPS:
            done = forked_cemops(*words[len(CEMOPS) :], folder=ROOT, environment=environ)
        else:
            done = subprocess.run(
                words,
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=180,
                check=False,
            )
        self.said[f"{len(self.said)} {' '.join(words[1:])} {sorted(changes)}"] = done.stdout + done.stderr
        return done.returncode


def forms(secret: str) -> set[str]:
    """The secret as programs write it; of base64, the part that does not depend on the neighbours."""
    data = secret.encode()
    encoded = {base64.b64encode(b"\0" * shift + data).decode()[4 if shift else 0 : -4] for shift in range(3)}
    encoded |= {text.replace("+", "-").replace("/", "_") for text in encoded}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {secret, data.hex(), data.hex().upper(), quote(secret), quote(secret, safe=""), *encoded, *escaped}


def needles_of(secrets: dict[str, str]) -> dict[str, str]:
    return {form: name for name, secret in secrets.items() for form in forms(secret)}


def found_in(text: str, needles: dict[str, str]) -> list[str]:
    return sorted({name for needle, name in needles.items() if needle in text})


def key_body(pem: str) -> str:
    """A line out of the middle of a PEM key: what would show wherever the key shows."""
    lines = [line for line in pem.splitlines() if line and not line.startswith("-----")]
    return lines[len(lines) // 2][:48]


def _spoil_estate(lab: Lab) -> dict[str, str]:
    """Make the lab's secrets canaries and name more of them; return the secrets by what they are."""
    passphrase = lab.folder / "secrets" / "pki-passphrase"
    passphrase.write_text(PKI_PASSPHRASE + "\n", "utf-8")
    login = lab.folder / "secrets" / "id_ed25519"
    plain = login.read_text("utf-8")
    key = load_ssh_private_key(plain.encode(), None)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    login.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(KEY_PASSPHRASE.encode()))
    )
    estate: dict[str, Any] = yaml.safe_load(lab.estate_file.read_text("utf-8"))
    estate["credentials"]["lab-login"]["private_key_passphrase"] = "env:CANARY_KEY"
    estate["credentials"]["lab-login"]["password"] = "env:CANARY_LOGIN"
    shutil.copy(ROOT / "LICENSE", lab.folder / "certs" / "broken.pfx")  # its error must not say the password
    pfx, pfx_key = _pfx("gw2.lab.example")
    (lab.folder / "certs" / "gw2.pfx").write_bytes(pfx)
    (lab.folder / "certs" / "gw2.pfx").chmod(0o600)
    estate["gateways"][1]["certificate"] = {"pfx": "certs/gw2.pfx", "password": "env:CANARY_PFX"}
    estate["change"] = {"store": "env:CANARY_STORE_FILE"}  # declared: it holds what hosts were brought to, too
    lab.estate_file.write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")
    return {
        "passphrase of the pki folder": PKI_PASSPHRASE,
        "passphrase of the ssh key": KEY_PASSPHRASE,
        "password of the pfx": PFX_PASSWORD,
        "password of the log-on": LOGIN_PASSWORD,
        "password of the store": STORE_PASSWORD,
        "key in the pfx": key_body(pfx_key),
        "ssh private key": key_body(plain),
        "ssh private key, as PKCS #8": key_body(secret),
        **{f"password of {name}": _password_of(lab, name) for name in WINDOWS},
        "password of the ACC account": (lab.folder / ACC_PASSWORD).read_text("utf-8").strip(),
    }


def _password_of(lab: Lab, name: str) -> str:
    return (lab.folder / "secrets" / f"{name}-password").read_text("utf-8").strip()


def _pfx(name: str) -> tuple[bytes, str]:
    """A gateway's certificate with its key as a PFX, and the key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=700))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    encryption = BestAvailableEncryption(PFX_PASSWORD.encode())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return serialize_key_and_certificates(b"gw2", key, certificate, None, encryption), pem


@contextmanager
def watching(seen: set[bytes]) -> Iterator[None]:
    """Collect the command lines of every process, again and again."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    try:
                        seen.add(Path(entry.path, "cmdline").read_bytes())
                    except OSError:
                        continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    parent = Path(tempfile.mkdtemp(prefix="cemops-canary-"))
    parent.chmod(0o755)
    try:
        lab = Lab.up(parent / "lab")
        one = Site(lab, needles_of(_spoil_estate(lab)))
        with watching(one.seen):
            for words in COMMANDS:
                code = one.run(words)
                assert code in {0, 2}, list(one.said.items())[-1]
            for spoil, words, changes in FAILING:
                text = one.estate.read_text("utf-8")
                mend = spoil(one)
                code = one.run(words, **changes)
                assert code != 0 or spoil in {_lost_release, _burnt_down}, list(one.said.items())[-1]
                mend()
                one.estate.write_text(text, "utf-8")
        yield one
    finally:
        if (parent / "lab").exists():
            take_down(parent / "lab")
        shutil.rmtree(parent)


# --- what is spoilt before a command that fails -----------------------------------------------------------------

Mend = Callable[[], object]
Spoil = Callable[[Site], Mend]


def _nothing(site: Site) -> Mend:
    del site
    return lambda: None


def _wrong_pki_passphrase(site: Site) -> Mend:
    file = site.lab.folder / "secrets" / "pki-passphrase"
    file.write_text(LOGIN_PASSWORD + "\n", "utf-8")
    return lambda: file.write_text(PKI_PASSPHRASE + "\n", "utf-8")


def _open_to_others(site: Site) -> Mend:
    file = site.lab.folder / "secrets" / "pki-passphrase"
    file.chmod(0o644)
    return lambda: file.chmod(0o600)


def _certificate_in_a_broken_pfx(site: Site) -> Mend:
    estate = yaml.safe_load(site.estate.read_text("utf-8"))
    estate["gateways"][0]["certificate"] = {"pfx": "certs/broken.pfx", "password": "env:CANARY_PFX"}
    site.estate.write_text(yaml.safe_dump(estate), "utf-8")
    return lambda: None


def _pasted_password(site: Site) -> Mend:
    estate = yaml.safe_load(site.estate.read_text("utf-8"))
    estate["pki"]["passphrase"] = PKI_PASSPHRASE
    site.estate.write_text(yaml.safe_dump(estate, allow_unicode=True), "utf-8")
    return lambda: None


def _store_out_of_reach(site: Site) -> Mend:
    estate = yaml.safe_load(site.estate.read_text("utf-8"))
    estate["change"] = {"store": "env:CANARY_STORE"}
    site.estate.write_text(yaml.safe_dump(estate), "utf-8")
    return lambda: None


def _log_on_by_password(site: Site) -> Mend:
    estate = yaml.safe_load(site.estate.read_text("utf-8"))
    for name in ("private_key_file", "private_key_passphrase"):
        del estate["credentials"]["lab-login"][name]
    site.estate.write_text(yaml.safe_dump(estate), "utf-8")
    return lambda: None


def _lost_release(site: Site) -> Mend:
    """A gateway has to be made anew and the passphrase is wrong: its live key serves on, unproven."""
    gateways = site.lab.folder / "hosts" / "gw1" / "root" / "current"
    target = gateways.readlink()
    gateways.unlink()
    mend_passphrase = _wrong_pki_passphrase(site)

    def mend() -> None:
        if not gateways.is_symlink():
            gateways.symlink_to(target)
        mend_passphrase()

    return mend


def _burnt_down(site: Site) -> Mend:
    """A gateway's httpd is killed and its folder is gone: its key comes back out of the backup."""
    root = site.lab.folder / "hosts" / "gw1" / "root"
    kill_tree(int((root / "run" / "httpd.pid").read_text("ascii")))
    shutil.rmtree(root)
    return lambda: None


FAILING: tuple[tuple[Spoil, tuple[str, ...], dict[str, str | None]], ...] = (
    (_nothing, (*CEMOPS, "plan", "--debug"), {"CANARY_KEY": None}),
    (_nothing, (*CEMOPS, "plan", "--debug"), {"CANARY_KEY": PFX_PASSWORD}),
    (_nothing, (*STOCK, "-y", "-vvv", "--debug"), {"CANARY_KEY": PFX_PASSWORD}),
    (_pasted_password, (*CEMOPS, "plan", "--debug"), {}),
    (_pasted_password, (*STOCK, "--dry", "--debug"), {}),
    (_store_out_of_reach, (*CEMOPS, "apply", "--yes", "--debug"), {}),
    (_store_out_of_reach, (*CEMOPS, "drift", "--debug"), {}),
    (_store_out_of_reach, (*CEMOPS, "history", "--debug"), {}),
    (_store_out_of_reach, (*CEMOPS, "unlock", "--debug"), {}),
    (_store_out_of_reach, (*CEMOPS, "history", "--debug"), {"CANARY_STORE": f"postgresql://x:{STORE_PASSWORD}@h"}),
    (_log_on_by_password, (*CEMOPS, "plan", "--debug"), {}),
    (_log_on_by_password, (*STOCK, "--dry", "-vvv", "--debug"), {}),
    (_certificate_in_a_broken_pfx, (*CEMOPS, "plan", "--debug"), {}),
    (_certificate_in_a_broken_pfx, (*CEMOPS, "apply", "--yes", "--debug"), {"CANARY_PFX": None}),
    (_certificate_in_a_broken_pfx, (*STOCK, "-y", "-vvv", "--debug"), {}),
    (_wrong_pki_passphrase, (*CEMOPS, "probe", "--debug"), {}),
    (_open_to_others, (*CEMOPS, "probe", "--debug"), {}),
    (_lost_release, (*CEMOPS, "apply", "--yes", "--debug"), {}),
    (_lost_release, (*STOCK, "-y", "-vvv", "--debug"), {}),
    (_wrong_pki_passphrase, (*CEMOPS, "gateway", "backup", "--debug"), {}),
    (_wrong_pki_passphrase, (*CEMOPS, "gateway", "restore", "gw1", "--yes", "--debug"), {}),
    (_burnt_down, (*CEMOPS, "gateway", "restore", "gw1", "--yes", "--debug"), {}),
)
"""What is spoilt, the command that then fails (or mends it), and changes of its environment."""


# --- the search -------------------------------------------------------------------------------------------------


def _private(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def gateway_keys(folder: Path) -> list[Path]:
    """Where the gateways' own keys lie."""
    return [*folder.glob("hosts/*/root/tls/*.key"), *folder.glob(WINDOWS_KEY)]


def live_keys(site: Site) -> dict[str, str]:
    """The gateways' own keys, which exist since the apply."""
    return {
        f"key of {path.relative_to(site.lab.folder).parts[1]}": key_body(path.read_text("utf-8"))
        for path in gateway_keys(site.lab.folder)
    }


def all_needles(site: Site) -> dict[str, str]:
    return {**site.needles, **needles_of(live_keys(site))}


def test_the_search_finds_each_form_of_each_canary() -> None:
    secrets = {"one": PKI_PASSPHRASE, "two": KEY_PASSPHRASE}
    needles = needles_of(secrets)
    for name, secret in secrets.items():
        for around in range(4):
            wrapped = b"x" * around + secret.encode() + b"y" * around
            for text in (
                wrapped.decode(),
                base64.b64encode(wrapped).decode(),
                base64.urlsafe_b64encode(wrapped).decode(),
                wrapped.hex(),
                quote(wrapped),
                json.dumps(wrapped.decode()),
                repr({"a": wrapped.decode()}),
            ):
                assert name in found_in(text, needles), text


def test_the_commands_did_what_they_are_for(site: Site) -> None:
    assert len(live_keys(site)) == 3
    assert len(site.said) == len(COMMANDS) + len(FAILING)
    assert any("Traceback (most recent call last)" in text for text in site.said.values())
    assert "pfx" in (site.lab.folder / "estate.yaml").read_text("utf-8")


def test_no_command_says_a_secret(site: Site) -> None:
    needles = all_needles(site)
    leaks = {words: found for words, text in site.said.items() if (found := found_in(text, needles))}
    assert leaks == {}


def test_no_command_says_a_private_key(site: Site) -> None:
    assert [words for words, text in site.said.items() if "PRIVATE KEY-----" in text] == []


def test_no_file_holds_a_secret_but_those_that_are_its_place(site: Site) -> None:
    needles = all_needles(site)
    folder = site.lab.folder
    leaks = {
        str(path.relative_to(folder)): found
        for path in _files(folder)
        if (found := found_in(path.read_bytes().decode("utf-8", "replace"), needles))
    }
    places = {"secrets/pki-passphrase", ACC_PASSWORD} | {str(path.relative_to(folder)) for path in gateway_keys(folder)}
    places |= {place for name in WINDOWS for place in (f"secrets/{name}-password", f"hosts/{name}/endpoint.json")}
    assert set(leaks) == places, leaks
    assert all(_private(folder / place) for place in places)


def test_the_store_holds_what_hosts_were_brought_to_with_references_alone(site: Site) -> None:
    with closing(sqlite3.connect(site.lab.folder / ".cemops" / "state.db")) as connection:
        texts = [text for (text,) in connection.execute("SELECT text FROM cemops_estate_texts")]
        hosts = {host for (host,) in connection.execute("SELECT host FROM cemops_baselines")}
    assert hosts >= {"gw1", "gw2", "ns1", "ps1", "ps2"}
    assert texts
    assert all("env:CANARY_LOGIN" in text for text in texts)


def test_backups_are_sealed_and_private(site: Site) -> None:
    backups = list((site.lab.folder / ".cemops" / "backups").rglob("*.backup"))
    assert {path.parent.name for path in backups} == {"gw1", "gw2", "gw3"}
    for path in backups:
        content = path.read_bytes()
        assert _private(path)
        assert b"PRIVATE KEY" not in content
        assert found_in(content.decode("utf-8", "replace"), all_needles(site)) == []


def test_no_log_in_the_checkout_is_left(site: Site) -> None:
    assert site.said
    assert not (ROOT / "pyinfra-debug.log").exists()


def test_no_file_with_a_private_key_can_be_read_by_others(site: Site) -> None:
    keys = [path for path in _files(site.lab.folder) if b"PRIVATE KEY" in path.read_bytes()]
    assert len(keys) >= 5
    assert [str(path) for path in keys if not _private(path)] == []


def test_keys_without_encryption_are_on_the_hosts_alone(site: Site) -> None:
    folder = site.lab.folder
    bare = {
        str(path.relative_to(folder))
        for path in _files(folder)
        if b"PRIVATE KEY" in (content := path.read_bytes())
        and b"ENCRYPTED" not in content
        and not path.is_relative_to(folder / "secrets")
        and path.name not in {"ssh_host_ed25519_key", "winrm.key", "machine.json"}  # the lab's own machines
    }
    on_hosts = {str(path.relative_to(folder)) for path in gateway_keys(folder)}
    assert bare == on_hosts
    modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in on_hosts}
    assert modes == {0o400, 0o600}  # gw3's is what stands for SYSTEM, Administrators and the service's account


def test_no_process_has_a_secret_in_its_command_line(site: Site) -> None:
    needles = all_needles(site)
    lines = [line.decode("utf-8", "replace") for line in site.seen]
    assert any("collected=" in line for line in lines)  # the program that observes a gateway
    assert [line for line in lines if found_in(line, needles)] == []


def test_the_metrics_tell_when_what_serves_runs_out(site: Site) -> None:
    text = (site.lab.folder / METRICS).read_text("utf-8")
    for host, use in (("gw1", "gateway"), ("gw1", "client_ca"), ("ps1", "http_sys")):
        assert f'host="{host}",use="{use}"' in text
    assert 'cemops_crl_days_to_next_update{estate="lab",host="gw1"' in text


def test_the_record_of_observations_holds_certificates_and_no_key(site: Site) -> None:
    record = json.loads((site.lab.folder / RECORD).read_text("utf-8"))
    for host in record["hosts"]:
        if "lines" not in host:  # a Windows machine's is its answer as it was
            assert "PRIVATE KEY" not in json.dumps(host)
            assert found_in(json.dumps(host), all_needles(site)) == []
            continue
        for line in host["lines"]:
            _, _, value = line.partition("\t")
            try:
                text = base64.b64decode(value, validate=True).decode("utf-8", "replace")
            except ValueError:
                continue
            assert "PRIVATE KEY" not in text
            assert found_in(text, all_needles(site)) == []
