"""What must be true of each Linux gateway after an apply, looked at on the machine itself (testinfra).

By default the machines are those of a lab. ``CEMOPS_ACCEPTANCE_ESTATE=/path/to/estate.yaml`` names an estate of
real hosts instead, to which ``cemops apply`` has been done; nothing here changes a host.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

from cemops.execution.estate_file import LoadedEstate, read_estate, resolve_path
from cemops.lab.estate_lab import Lab
from cemops.model.connections import SshConnection
from cemops.model.gateways import Gateway

pytestmark = pytest.mark.slow

ESTATE = "CEMOPS_ACCEPTANCE_ESTATE"


@pytest.fixture(scope="module")
def applied() -> Iterator[dict[str, str]]:
    """The environment in which commands work on an estate that has been applied."""
    if named := os.environ.get(ESTATE):
        yield {**os.environ, "CEMOPS_ESTATE": named}
        return
    # Not below pytest's own folders: they are closed to the account that the gateways serve as.
    parent = Path(tempfile.mkdtemp(prefix="cemops-acceptance-"))
    parent.chmod(0o755)
    try:
        with Lab.up(parent / "lab") as lab:
            done = lab.cemops("apply", "--yes")
            assert done.returncode == 0, done.stdout + done.stderr
            yield lab.environment
    finally:
        shutil.rmtree(parent)


@pytest.fixture(scope="module")
def estate(applied: dict[str, str]) -> LoadedEstate:
    return read_estate(Path(applied["CEMOPS_ESTATE"]))


@pytest.fixture(scope="module")
def gateways(estate: LoadedEstate, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[Gateway, Host], ...]:
    """Each Linux gateway of the estate with a connection to its machine."""
    found = tuple(
        (gateway, connect(estate, gateway.connection, tmp_path_factory.mktemp(gateway.name)))
        for gateway in estate.estate.gateways
        if gateway.platform == "linux" and isinstance(gateway.connection, SshConnection)
    )
    assert found, "the estate has no Linux gateway with an SSH connection"
    return found


def connect(estate: LoadedEstate, connection: SshConnection, folder: Path) -> Host:
    """A connection to a machine whose host key is the declared one."""
    credential = estate.estate.credentials[connection.credential]
    if connection.known_hosts and not connection.host_key:
        known = resolve_path(connection.known_hosts, estate.folder)
    else:
        known = folder / "known_hosts"
        known.write_text(host_key(connection), encoding="utf-8")
    lines = [
        "Host gateway",
        f"  HostName {connection.address}",
        f"  Port {connection.port}",
        f"  User {credential.username}",
        f"  UserKnownHostsFile {known}",
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  BatchMode yes",
    ]
    if credential.private_key_file:
        lines.append(f"  IdentityFile {resolve_path(credential.private_key_file, estate.folder)}")
        lines.append("  IdentitiesOnly yes")
    config = folder / "ssh_config"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return testinfra.get_host("ssh://gateway", ssh_config=str(config), sudo=credential.become == "sudo")


def host_key(connection: SshConnection) -> str:
    """The line of known_hosts for the key that the machine presents and the estate declares."""
    scan = subprocess.run(
        ["ssh-keyscan", "-T", "20", "-p", str(connection.port), str(connection.address)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for line in scan.stdout.splitlines():
        digest = hashlib.sha256(base64.b64decode(line.split()[2])).digest()
        if f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}" == connection.host_key:
            return line + "\n"
    raise AssertionError(f"{connection.address} does not present the host key {connection.host_key}")


def read(host: Host, command: str, *arguments: str) -> str:
    """What a command prints on the machine; it must succeed."""
    return str(host.check_output(" ".join([command, *map(shlex.quote, arguments)])))


def main_process(gateway: Gateway, host: Host) -> str:
    return read(host, "cat", f"{gateway.root}/run/httpd.pid").strip()


def test_the_live_release_is_one_folder_named_by_its_content(
    gateways: tuple[tuple[Gateway, Host], ...],
) -> None:
    for gateway, host in gateways:
        live = read(host, "readlink -f", f"{gateway.root}/current")
        assert re.fullmatch(re.escape(f"{gateway.root}/releases/") + r"[0-9a-f]{8,64}\.\d+", live)


def test_nobody_can_write_into_the_live_release(gateways: tuple[tuple[Gateway, Host], ...]) -> None:
    for gateway, host in gateways:
        assert read(host, "find", f"{gateway.root}/current/", "-type", "f", "-perm", "/222") == ""


def test_only_the_owner_can_read_a_private_key(gateways: tuple[tuple[Gateway, Host], ...]) -> None:
    for gateway, host in gateways:
        keys = read(host, "find", f"{gateway.root}/tls", "-name", "*.key").split()
        assert keys
        assert read(host, "find", f"{gateway.root}/tls", "-name", "*.key", "-perm", "/077") == ""


def test_the_workers_run_as_the_service_account(gateways: tuple[tuple[Gateway, Host], ...]) -> None:
    for gateway, host in gateways:
        main = main_process(gateway, host)
        workers = read(host, "cat", f"/proc/{main}/task/{main}/children").split()
        assert workers
        accounts = {read(host, "stat -c %U", f"/proc/{worker}") for worker in workers}
        assert accounts == {gateway.service.account}


def test_httpd_serves_the_live_release(gateways: tuple[tuple[Gateway, Host], ...]) -> None:
    for gateway, host in gateways:
        main = main_process(gateway, host)
        line = read(host, "tr '\\0' ' ' <", f"/proc/{main}/cmdline")
        assert f"{gateway.root}/current/httpd.conf" in line


@pytest.mark.parametrize("command", [("plan", "--detailed-exitcode"), ("probe",)])
def test_nothing_is_left_to_do_and_the_agents_view_holds(applied: dict[str, str], command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cemops", *command],
        env=applied,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
