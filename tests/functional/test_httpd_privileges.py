"""Who httpd runs as, and what that account can read: ENGINEERING.md, "More of httpd". These tests need root."""

from __future__ import annotations

import os
import pwd
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functional.gateway_httpd import AS_NOBODY, NS1, GatewayHttpd, eventually, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

NOBODY = pwd.getpwnam("nobody").pw_uid
ONLY_BIND = ("setpriv", "--bounding-set", "-all,+net_bind_service", "--inh-caps", "-all,+net_bind_service", "--")
ACCOUNT_WITH_BIND = (
    "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--no-new-privs",
    "--bounding-set", "-all,+net_bind_service", "--inh-caps", "-all,+net_bind_service",
    "--ambient-caps", "-all,+net_bind_service", "--",
)  # fmt: skip


@pytest.fixture
def gateway() -> Iterator[GatewayHttpd]:
    assert os.geteuid() == 0, "run these tests as root"
    with GatewayHttpd() as started:
        yield started


@pytest.fixture
def rootless() -> Iterator[GatewayHttpd]:
    with GatewayHttpd(rootless=True) as started:
        yield started


def user_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def capabilities(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("CapEff:")[1].split()[0], 16)


def tunnels(gateway: GatewayHttpd) -> bool:
    with gateway.dial(gateway.agent) as outer:
        return outer.connect(NS1) == 200 and outer.echo() == b"ping"


def test_children_of_a_root_parent_run_as_the_service_account(gateway: GatewayHttpd) -> None:
    gateway.start()
    assert tunnels(gateway)
    assert gateway.process is not None
    assert user_of(gateway.process.pid) == 0
    assert eventually(lambda: gateway.children() and all(user_of(pid) == NOBODY for pid in gateway.children()))
    assert [capabilities(pid) for pid in gateway.children()] == [0] * len(gateway.children())


def test_a_root_parent_that_may_only_bind_ports_leaves_its_children_root(gateway: GatewayHttpd) -> None:
    gateway.launch(wrapper=ONLY_BIND)
    assert eventually(lambda: "AH02156" in gateway.log("error.log"))
    assert tunnels(gateway)  # it serves, and only the log tells
    assert {user_of(pid) for pid in gateway.children()} == {0}


def test_httpd_under_the_service_account_binds_a_low_port_with_the_one_capability(gateway: GatewayHttpd) -> None:
    for path in (gateway.folder, *gateway.folder.rglob("*")):
        os.chown(path, NOBODY, -1)
    text = gateway.render(account=None, group=None, listen=(("127.0.0.241", 443),))
    gateway.start(text, wrapper=ACCOUNT_WITH_BIND)
    assert tunnels(gateway)
    assert gateway.process is not None
    assert {user_of(pid) for pid in (gateway.process.pid, *gateway.children())} == {NOBODY}
    assert capabilities(gateway.process.pid) == 1 << 10  # CAP_NET_BIND_SERVICE
    gateway.graceful()
    assert tunnels(gateway)


def test_without_an_account_line_httpd_runs_unprivileged(rootless: GatewayHttpd) -> None:
    rootless.start()
    assert tunnels(rootless)
    rootless.graceful()
    assert tunnels(rootless)
    assert "AH" not in "".join(line for line in rootless.console().splitlines() if "AH01882" not in line)
    assert rootless.process is not None
    assert user_of(rootless.process.pid) != 0


def test_a_foreign_account_cannot_read_the_key(gateway: GatewayHttpd) -> None:
    key = gateway.folder / "tls.key"
    gateway.folder.chmod(0o755)
    done = subprocess.run([*AS_NOBODY, "cat", key], capture_output=True, check=False)
    assert done.returncode != 0


def test_a_folder_of_authorities_that_children_cannot_read_refuses_every_agent(gateway: GatewayHttpd) -> None:
    authorities = gateway.folder / "authorities"
    authorities.mkdir(mode=0o700)
    (authorities / "ns1.pem").write_text((gateway.release / "client-ca.pem").read_text())
    subprocess.run(["openssl", "rehash", authorities], check=True, capture_output=True)
    text = replaced(gateway.render(has_crl=False), "SSLCACertificateFile", "SSLCACertificatePath")
    text = replaced(text, f"{gateway.release}/client-ca.pem", str(authorities))
    gateway.start(text)
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        gateway.dial(gateway.agent, version="1.2")
    gateway.folder.chmod(0o755)
    authorities.chmod(0o755)
    assert tunnels(gateway)  # only the rights were missing


def test_a_bundle_in_one_file_is_read_by_the_root_parent(gateway: GatewayHttpd) -> None:
    (gateway.release / "client-ca.pem").chmod(0o400)
    gateway.release.chmod(0o700)
    gateway.start()
    assert tunnels(gateway)
