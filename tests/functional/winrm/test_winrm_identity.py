"""``cemops observe --show-identity`` before WinRM endpoints: what they present, without a logon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.functional.probe_bench import free_port
from tests.functional.winrm.winrm_bench import ADDRESS, endpoint, make_pair
from tests.unit.sample_estate import sample_data

pytestmark = pytest.mark.slow


def show(folder: Path, connection: dict[str, Any], *limit: str) -> subprocess.CompletedProcess[str]:
    winrm = {"transport": "winrm", "address": ADDRESS, "credential": "ns-admin"}
    estate = folder / "estate.yaml"
    estate.write_text(yaml.safe_dump(sample_data({"notification_servers.0.connection": winrm | connection})), "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "cemops", "observe", "--show-identity", "--estate", str(estate), *limit],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_winrm_host_shows_thumbprints_names_and_expiry_without_a_logon(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "ns1\x1b[2J\nns2 127.0.0.1:1 thumbprint", days=(-20, -10))
    with endpoint(pair) as running:
        done = show(tmp_path, {"port": running.server.port}, "--limit", "ns1")
    assert done.returncode == 0, done.stderr
    place = f"ns1 {ADDRESS}:{running.server.port}"
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"{place} thumbprint SHA-256 {pair.sha256}", f"{place} thumbprint SHA-1 {pair.sha1}"]
    assert lines[2].startswith(f"{place} subject CN=ns1\\x1b[2J\\n")
    assert lines[3].startswith(f"{place} issuer CN=ns1")
    assert lines[4].startswith(f"{place} valid until 20")
    assert len(lines) == 5
    assert "connection.server_certificate" in done.stderr
    assert (running.counts.requests, running.counts.logons, running.counts.failed_logons) == (0, 0, 0)


@pytest.mark.parametrize(
    ("connection", "said"),
    [({}, "cannot be reached"), ({"allow_http": True}, "without TLS (allow_http), and so presents nothing")],
)
def test_a_winrm_host_that_presents_nothing_says_why(tmp_path: Path, connection: dict[str, Any], said: str) -> None:
    done = show(tmp_path, {"port": free_port(), **connection}, "--limit", "ns1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"cemops: ns1: {ADDRESS}:" in done.stderr
    assert said in done.stderr


def test_a_port_that_speaks_no_tls_is_told(tmp_path: Path) -> None:
    with endpoint(None) as running:
        done = show(tmp_path, {"port": running.server.port}, "--limit", "ns1")
    assert done.returncode == 1
    assert "ns1" in done.stderr
    assert done.stdout == ""
