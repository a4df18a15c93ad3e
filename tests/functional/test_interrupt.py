"""Ctrl-C and SIGTERM end a command with one sentence and 130, whatever it was waiting for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ESTATE = """
cemops: 1
estate: waiting
credentials:
  login: {{username: root, password: "env:PASSWORD"}}
authorities:
  root: {{kind: ns-root, source: vendor, notification_server: ns1, certificate: root.cer}}
notification_servers:
  - {{name: ns1, fqdn: ns1.corp.example, root_authority: root}}
gateways:
  - name: gw1
    fqdn: gw1.example.com
    connection:
      transport: ssh
      address: 127.0.0.1
      port: {port}
      credential: login
      host_key: "SHA256:Jq2XgkO6u0vD3cQm0b5Yl9m1t8d3H2m4cV0s7wQyZpE"
    servers: [{{notification_server: ns1}}]
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_says_so_in_one_sentence(tmp_path: Path, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        estate = tmp_path / "estate.yaml"
        estate.write_text(ESTATE.format(port=silent.getsockname()[1]))
        command = [sys.executable, "-m", "cemops", "plan", "--estate", str(estate)]
        environment = {**os.environ, "PASSWORD": "never sent"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            silent.settimeout(60)
            connection, _ = silent.accept()  # it is dialling now, and will wait for a banner that never comes
            with connection:
                process.send_signal(number)
                out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1].startswith("cemops: interrupted. ")
    assert "Traceback" not in err
