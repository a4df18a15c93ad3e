"""Connects to one host with the connector of cemops and runs commands there, as cemops itself does.

In a process of its own, because gevent patches a process for good. Reads one JSON object from stdin and writes one.
"""

from __future__ import annotations

import base64
import json
import socket
import sys
from typing import Any

from gevent import monkey

monkey.patch_all()

from pyinfra.api.command import StringCommand  # noqa: E402 - after gevent's patch
from pyinfra.api.config import Config  # noqa: E402 - after gevent's patch
from pyinfra.api.exceptions import ConnectError  # noqa: E402 - after gevent's patch
from pyinfra.api.host import Host  # noqa: E402 - after gevent's patch
from pyinfra.api.inventory import Inventory  # noqa: E402 - after gevent's patch
from pyinfra.api.state import State  # noqa: E402 - after gevent's patch

from cemops.execution import ssh_connector  # noqa: E402 - after gevent's patch
from cemops.execution.powershell import run_payload  # noqa: E402 - after gevent's patch


def _run(host: Host, step: dict[str, Any]) -> dict[str, Any]:
    stdin = "x" * step["stdin"] if step.get("stdin") else None
    try:
        if "payload" in step:
            stdout = run_payload(host, base64.b64decode(step["content"]), step["payload"])
            return {"stdout": base64.b64encode(stdout).decode()}
        if "program" in step:
            return _run_program(host, step)
        succeeded, output = host.run_shell_command(
            StringCommand(step["command"]), _stdin=stdin, _timeout=step.get("timeout"), _sudo=step.get("sudo", False)
        )
    except OSError as error:  # TimeoutError is one
        return {"error": type(error).__name__, "text": str(error)}
    return {
        "succeeded": succeeded,
        "stdout": step.get("whole", True) and output.stdout,
        "stderr": output.stderr,
        "length": len(output.stdout),
    }


def _run_program(host: Host, step: dict[str, Any]) -> dict[str, Any]:
    """Run a Windows machine's command line as it is."""
    connector = host.connector
    assert isinstance(connector, ssh_connector.CheckedSSHConnector)
    finished = connector.run_program(step["program"], base64.b64decode(step["content"]), step.get("timeout") or 30)
    return {
        "code": finished.exit_code,
        "stdout": base64.b64encode(finished.stdout).decode(),
        "stderr": base64.b64encode(finished.stderr).decode(),
        "complaint": connector.last_complaint,
    }


def main() -> None:
    request = json.load(sys.stdin)
    if "connect_seconds" in request:
        ssh_connector.CONNECT_SECONDS = request["connect_seconds"]
    entry = ("@cemops-ssh/gw1", request["data"])
    state = State(check_for_changes=False)
    state.init(Inventory(([entry], {})), Config(CONNECT_TIMEOUT=ssh_connector.CONNECT_SECONDS))
    host = next(iter(state.inventory))
    connector = host.connector
    assert isinstance(connector, ssh_connector.CheckedSSHConnector)
    answer: dict[str, Any] = {"error": None}
    try:
        connector.connect()
    except ConnectError as error:
        answer["error"] = str(error)
    else:
        host.connected = True
        assert connector.client is not None
        transport = connector.client.get_transport()
        assert transport is not None
        assert isinstance(transport.sock, socket.socket)
        answer["nodelay"] = transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        answer["results"] = [_run(host, step) for step in request.get("steps", [])]
        answer["commands"] = connector.remote_commands
        connector.client.close()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
