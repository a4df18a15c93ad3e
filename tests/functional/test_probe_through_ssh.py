"""The agent through a real sshd's direct-tcpip channel: how a rehearsal on loopback is looked at."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
import pytest

from cemops.probe.agent import Agent, InnerTls
from cemops.probe.opens import check_opens
from cemops.probe.streams import ssh_dial
from cemops.probe.tls import inner_context
from cemops.probe.visit import Outcome
from tests.functional.probe_bench import FQDN, Estate, free_port, listening
from tests.functional.probe_gateway import gateway_running, servers_running

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@contextmanager
def sshd_running(folder: Path) -> Iterator[paramiko.Transport]:
    """An sshd of our own with one key, and a transport that is logged on."""
    port = free_port()
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True, timeout=30
        )
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile {folder}/pid\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nUsePAM no\nPermitRootLogin yes\nAllowTcpForwarding local\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log
        )
        transport = None
        try:
            transport = _logged_on(port, folder, process)
            yield transport
        finally:
            if transport is not None:
                transport.close()
            process.terminate()
            process.wait(10)


def _logged_on(port: int, folder: Path, process: subprocess.Popen[bytes]) -> paramiko.Transport:
    user = os.environ.get("USER") or "root"
    for _ in range(100):
        assert process.poll() is None, (folder / "sshd.log").read_text()
        with suppress(OSError, paramiko.SSHException):
            transport = paramiko.Transport(("127.0.0.1", port))
            transport.connect(
                username=user if os.geteuid() else "root",
                pkey=paramiko.Ed25519Key.from_private_key_file(str(folder / "user")),
            )
            return transport
        time.sleep(0.05)
    raise AssertionError((folder / "sshd.log").read_text())


def test_a_gateway_is_checked_through_ssh(tmp_path: Path) -> None:
    estate = Estate()
    with (
        servers_running(estate, tmp_path) as servers,
        gateway_running(estate, servers.all) as gateway,
        sshd_running(tmp_path) as transport,
    ):
        dial = ssh_dial(transport, "127.0.0.1", gateway.port, timeout=10)
        result = check_opens(
            dial,
            sni=FQDN,
            expected_thumbprint=estate.thumbprint,
            agent=estate.agent,
            targets=[str(one) for one in servers.all],
        )
        inner = InnerTls(servers.ps1.host, inner_context([estate.server_root.pem]))
        agent = Agent(dial, sni=FQDN, thumbprint=estate.thumbprint, credential=estate.agent)
        visit, tunnel = agent.hold(str(servers.ps1), inner=inner)
        assert tunnel is not None, visit
        big = bytes(range(256)) * 4000
        tunnel.send(big[:100000])
        received = b""
        while len(received) < 100000:
            received += tunnel.recv(65536)
        tunnel.close()
        revoked = Agent(dial, sni=FQDN, thumbprint=estate.thumbprint, credential=estate.revoked)
        refused = revoked.connect(str(servers.ps1))
    assert (result.ok, result.proven, result.faults) == (True, True, ())
    assert received == big[:100000]
    assert (refused.outcome, refused.alert) == (Outcome.TLS_ALERT, "certificate revoked")


def test_a_port_that_nobody_listens_on_is_a_failed_connection(tmp_path: Path) -> None:
    port = free_port()
    with sshd_running(tmp_path) as transport:
        dial = ssh_dial(transport, "127.0.0.1", port, timeout=5)
        visit = Agent(dial, sni=FQDN, thumbprint=None).connect("ns1.corp.example:4726")
    assert visit.outcome is Outcome.CONNECT_FAILED
    assert visit.detail.startswith(f"cannot connect: the SSH server did not forward to 127.0.0.1:{port}: ")


def _never_answers(connection: socket.socket) -> None:
    connection.recv(1 << 20)
    time.sleep(3)


def test_a_silent_port_behind_ssh_ends_by_the_deadline(tmp_path: Path) -> None:
    with (
        listening("127.0.0.1", 0, _never_answers) as port,
        sshd_running(tmp_path) as transport,
    ):
        dial = ssh_dial(transport, "127.0.0.1", port, timeout=5)
        visit = Agent(dial, sni=FQDN, thumbprint=None, timeout=0.5).connect("ns1.corp.example:4726")
    assert visit.outcome is Outcome.TIMEOUT
    assert visit.detail == "no answer within 0.5 s (TLS handshake with the gateway)"
