"""Several operators' runs on one pki folder at the same time, and runs that are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PASSPHRASE = "canary-passphrase-12"
MAKE = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from cemops.model.estate import Estate
from cemops.pki.gateway_materials import gateway_key_pem, gateway_materials, make_missing
from cemops.secret_store import SecretStore

folder = Path(sys.argv[1])
estate = Estate.model_validate(json.loads((folder / "estate.json").read_text()))
secrets = SecretStore(folder, {"PKI": sys.argv[2]})
print("ready", flush=True)
for gateway in estate.gateways:
    for sentence in make_missing(estate, folder, gateway, secrets, datetime.now(UTC), None):
        print(sentence, flush=True)
    gateway_key_pem(estate, folder, gateway, secrets)
    (authority,) = gateway_materials(estate, folder, gateway, secrets, datetime.now(UTC)).authorities
    assert authority.crl.signed_by == authority.certificate.sha256
"""
ESTATE = {
    "cemops": 1,
    "estate": "shared",
    "pki": {"passphrase": "env:PKI"},
    "authorities": {"ns1-root": {"kind": "ns-root", "source": "local", "notification_server": "ns1"}},
    "notification_servers": [
        {"name": "ns1", "fqdn": "ns1.corp.example", "version": "8.6 RU2", "root_authority": "ns1-root"}
    ],
    "gateways": [
        {"name": name, "fqdn": f"{name}.northwind.example", "servers": [{"notification_server": "ns1"}]}
        for name in ("gw1", "gw2")
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "estate.json").write_text(json.dumps(ESTATE))
    return tmp_path


def start(folder: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, folder, PASSPHRASE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
    )


def finish(run: subprocess.Popen[str]) -> list[str]:
    output, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    return output.splitlines()[1:]


def test_runs_at_the_same_time_make_each_thing_once(folder: Path) -> None:
    runs = [start(folder) for _ in range(3)]
    made = [sentence for run in runs for sentence in finish(run)]
    assert sorted(" ".join(sentence.split()[:3]) for sentence in made) == [
        "made CRL 1",
        "made a certificate",
        "made a certificate",
        "made agent certificates",
        "made the authority",
    ]


def test_after_any_number_of_kills_the_next_run_completes_what_is_there(folder: Path) -> None:
    authority = folder / "pki" / "authorities" / "ns1-root" / "key.pem"
    key = None
    for delay in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4):
        run = start(folder)
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        run.communicate(timeout=60)
        if authority.exists():
            assert key in (None, authority.read_bytes())
            key = authority.read_bytes()
    finish(start(folder))
    assert key in (None, authority.read_bytes())
    assert finish(start(folder)) == []
    for path in (folder / "pki").rglob("*key*"):
        assert path.read_bytes()[:37] in (b"", b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
