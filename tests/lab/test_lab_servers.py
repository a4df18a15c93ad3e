"""What answers in a lab is what its estate says."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko
import pytest
import yaml

from cemops.lab.estate_lab import Lab, take_down
from cemops.lab.processes import identify
from cemops.lab.report import lab_report
from cemops.model.estate import Estate
from cemops.model.topology import allow_list, is_on_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

SERVERS = [
    ("ns1", "ns1.corp.lab.example", 4726),
    ("ps1", "ps1.corp.lab.example", 4726),
    ("ps2", "ps2.corp.lab.example", 47260),
]


def estate_of(lab: Lab) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(lab.estate_file.read_text(encoding="utf-8"))
    return document


def connect(lab: Lab, gateway: dict[str, Any]) -> paramiko.SSHClient:
    connection = gateway["connection"]
    credential = estate_of(lab)["credentials"][connection["credential"]]
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.MissingHostKeyPolicy())  # the tests look at the key
    client.connect(
        connection["address"],
        port=connection["port"],
        username=credential["username"],
        key_filename=str(lab.folder / credential["private_key_file"]),
        look_for_keys=False,
        allow_agent=False,
    )
    return client


def run(client: paramiko.SSHClient, command: str) -> str:
    _, output, _ = client.exec_command(command)
    return output.read().decode()


@pytest.fixture
def gw1(shared_lab: Lab) -> Iterator[paramiko.SSHClient]:
    client = connect(shared_lab, estate_of(shared_lab)["gateways"][0])
    yield client
    client.close()


def test_the_estate_is_valid_and_lists_every_server(shared_lab: Lab) -> None:
    estate = Estate.model_validate(estate_of(shared_lab))
    assert [gateway.name for gateway in estate.gateways] == ["gw1", "gw2", "gw3"]
    for gateway in estate.gateways:
        assert is_on_loopback(gateway)
        assert {(target.host, target.port) for target in allow_list(estate, gateway)} == {
            ("ns1", 4726),
            *((fqdn, port) for _, fqdn, port in SERVERS),
        }


def test_host_keys_are_the_ones_in_the_estate_and_differ(shared_lab: Lab) -> None:
    presented = []
    for gateway in estate_of(shared_lab)["gateways"][:2]:
        with connect(shared_lab, gateway) as client:
            transport = client.get_transport()
            assert transport is not None
            blob = transport.get_remote_server_key().asbytes()
        fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        assert gateway["connection"]["host_key"] == fingerprint
        presented.append(fingerprint)
    assert len(set(presented)) == 2


def test_only_the_key_of_the_lab_logs_in(shared_lab: Lab) -> None:
    connection = estate_of(shared_lab)["gateways"][0]["connection"]
    transport = paramiko.Transport((connection["address"], connection["port"]))
    try:
        transport.start_client(timeout=10)
        user = estate_of(shared_lab)["credentials"]["lab-login"]["username"]
        with pytest.raises(paramiko.BadAuthenticationType) as refused:
            transport.auth_password(user, "guess")
        assert refused.value.allowed_types == ["publickey"]
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey(user, paramiko.ECDSAKey.generate())
    finally:
        transport.close()


@pytest.mark.parametrize(("name", "fqdn"), [(name, fqdn) for name, fqdn, _ in SERVERS])
def test_names_resolve_in_a_session(shared_lab: Lab, gw1: paramiko.SSHClient, name: str, fqdn: str) -> None:
    expected = {one.host: one.addresses[0] for one in lab_report(shared_lab.folder).processes}[name]
    for asked in (name, fqdn):
        assert run(gw1, f"getent ahostsv4 {asked}").split()[0] == expected.rpartition(":")[0]


def test_a_session_has_the_marker_and_finds_administration_programs(shared_lab: Lab, gw1: paramiko.SSHClient) -> None:
    marker, level = run(gw1, 'echo "$CEMOPS_LAB $SHLVL"').split()
    assert marker == str(shared_lab.folder)
    assert int(level) >= 5  # a login shell that is bash counts itself
    assert run(gw1, "command -v apache2 || command -v httpd").strip()


def test_files_can_be_sent_by_sftp(shared_lab: Lab, gw1: paramiko.SSHClient) -> None:
    target = shared_lab.folder / "hosts/gw1/sent"
    with gw1.open_sftp() as sftp, sftp.file(str(target), "w") as stream:
        stream.write("content")
    assert target.read_text(encoding="utf-8") == "content"
    target.unlink()


def test_secrets_are_closed_and_env_exports_the_estate(shared_lab: Lab) -> None:
    modes = {
        str(path.relative_to(shared_lab.folder)): oct(path.stat().st_mode & 0o777)
        for path in [
            shared_lab.env_file,
            shared_lab.folder / "secrets",
            *(shared_lab.folder / "secrets").iterdir(),
            *shared_lab.folder.glob("hosts/*/winrm.key"),
            *shared_lab.folder.glob("hosts/*/machine.json"),
            *shared_lab.folder.glob("hosts/*/endpoint.json"),
            *shared_lab.folder.glob("hosts/*/sshd/ssh_host_ed25519_key"),
        ]
    }
    assert len(modes) == 23
    assert {name for name, mode in modes.items() if mode != "0o600"} == {"secrets"}
    assert modes["secrets"] == "0o700"
    command = f'. {shared_lab.env_file} && printf %s "$CEMOPS_ESTATE"'
    environment = {name: value for name, value in os.environ.items() if name != "CEMOPS_ESTATE"}
    shown = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout == str(shared_lab.estate_file)
    assert Path(shown.stdout).is_absolute()


def test_status_tells_what_runs_and_what_does_not(lab: Lab) -> None:
    report = lab_report(lab.folder).as_json()
    assert report["state"] == "running"
    assert [(one["host"], one["role"], one["alive"]) for one in report["processes"]] == [
        ("ns1", "stand-in", True),
        ("ps1", "stand-in", True),
        ("ps2", "stand-in", True),
        ("gw3", "stand-in", True),
        ("gw1", "sshd", True),
        ("gw2", "sshd", True),
        ("gw1", "httpd", False),
        ("gw2", "httpd", False),
    ]
    os.kill(report["processes"][1]["pid"], 9)
    for _ in range(500):
        if identify(report["processes"][1]["pid"]) is None:
            break
        time.sleep(0.01)
    report = lab_report(lab.folder).as_json()
    assert report["state"] == "partial"
    assert [one["host"] for one in report["processes"] if not one["alive"]] == ["ps1", "gw1", "gw2"]


@pytest.mark.parametrize("listener_first", [True, False])
def test_down_ends_what_was_left_running_through_ssh(lab: Lab, listener_first: bool) -> None:
    client = connect(lab, estate_of(lab)["gateways"][0])
    run(client, "setsid -f sleep 600 >/dev/null 2>&1")
    _, output, _ = client.exec_command("echo $$; exec sleep 600")
    pids = [int(output.readline())]
    processes = run(client, "echo $PPID").split()
    pids += [int(pid) for pid in processes]
    assert all(identify(pid) for pid in pids)
    if listener_first:
        for one in lab_report(lab.folder).processes:
            if one.role == "sshd" and one.pid is not None:
                os.kill(one.pid, 9)
    assert take_down(lab.folder)
    assert [pid for pid in pids if identify(pid) is not None] == []
    client.close()


HTTPD_CONF = """\
ServerName gw1.lab.example
ServerRoot {root}
PidFile {root}/run/httpd.pid
ErrorLog {root}/error.log
Listen {address}:{port}
{modules}
<IfModule unixd_module>
User {account}
</IfModule>
"""
MODULES = ("mpm_event", "unixd", "authz_core")


def start_httpd(lab: Lab, gateway: dict[str, Any], prefix: str) -> None:
    """Start a bare httpd as the gateway's through ssh, and wait until it has written its pid."""
    root = Path(gateway["root"])
    (root / "run").mkdir(parents=True)
    with connect(lab, gateway) as client:
        binary = run(client, "command -v apache2 || command -v httpd").strip()
        folders = "/usr/lib/apache2/modules /usr/lib64/httpd/modules"
        modules = run(client, f'for d in {folders}; do [ -d "$d" ] && echo "$d"; done').split()[0]
        load = "\n".join(
            f"LoadModule {name}_module {modules}/mod_{name}.so"
            for name in MODULES
            if Path(f"{modules}/mod_{name}.so").exists()
        )
        configuration = HTTPD_CONF.format(
            root=root,
            address=gateway["listen"]["addresses"][0],
            port=gateway["listen"]["port"],
            modules=load,
            account=gateway["service"]["account"],
        )
        (root / "httpd.conf").write_text(configuration, encoding="utf-8")
        said = run(client, f"{prefix} {binary} -f {root}/httpd.conf 2>&1")
        for _ in range(500):
            if (root / "run/httpd.pid").exists():
                return
            time.sleep(0.01)
    pytest.fail(f"httpd did not start: {said}")


@pytest.mark.parametrize("prefix", ["", "env -i"])
def test_httpd_is_shown_and_ended_with_its_children(lab: Lab, prefix: str) -> None:
    gateway = estate_of(lab)["gateways"][0]
    start_httpd(lab, gateway, prefix)
    shown = [one for one in lab_report(lab.folder).processes if one.role == "httpd"]
    assert [(one.host, one.alive) for one in shown] == [("gw1", True), ("gw2", False)]
    parent = shown[0].pid
    assert parent is not None
    family = [parent, *children_of(parent)]
    lab.down()
    assert [pid for pid in family if identify(pid) is not None] == []


def children_of(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found
