"""Several Windows hosts in one run of the stock pyinfra command: what befalls one is that one's alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.probe_bench import free_port
from tests.functional.winrm.winrm_bench import endpoint, make_pair

pytestmark = pytest.mark.slow

DEPLOY = """
from pyinfra.operations import server

server.shell(name="First", commands=["one"])
server.shell(name="Second", commands=["two"])
"""


def test_dead_refused_and_dying_hosts_do_not_stop_the_others(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "ns1")
    (tmp_path / "deploy.py").write_text(DEPLOY, "utf-8")
    with endpoint(pair) as good, endpoint(pair) as dying, endpoint(pair, password="another") as refusing:
        dying.behave(hang_up_on=frozenset({"Receive"}))
        hosts = [
            ("@winrm/dead", good.data(tmp_path, cemops_port=free_port())),
            ("@winrm/stranger", good.data(tmp_path, cemops_thumbprint="A" * 40)),
            ("@winrm/dying", dying.data(tmp_path)),
            ("@winrm/refusing", refusing.data(tmp_path)),
            ("@winrm/good", good.data(tmp_path)),
        ]
        (tmp_path / "hosts.py").write_text(f"hosts = {hosts!r}\n", "utf-8")
        done = subprocess.run(
            [Path(sys.executable).parent / "pyinfra", tmp_path / "hosts.py", tmp_path / "deploy.py", "-y"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    for host, sentence in {
        "dead": "refuses the connection",
        "stranger": "presents a certificate with the thumbprint",
        "refusing": "refuses the logon of cemops",
        "dying": "has cut the connection",
    }.items():
        assert any(f"[{host}]" in line and sentence in line for line in said.splitlines()), said
    assert (good.counts.commands, dying.counts.commands, refusing.counts.commands) == (2, 1, 0)
    assert (refusing.counts.failed_logons, good.counts.logons) == (1, 1)
    assert good.counts.actions["Delete"] == good.counts.shells == 1
