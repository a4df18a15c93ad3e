"""Connects to one host with the WinRM connector of cemops and works there, as cemops itself does.

In a process of its own, because gevent patches a process for good. Answers each line of stdin, a JSON object, with one.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import base64  # noqa: E402 - after gevent's patch
import hashlib  # noqa: E402 - after gevent's patch
import json  # noqa: E402 - after gevent's patch
import os  # noqa: E402 - after gevent's patch
import sys  # noqa: E402 - after gevent's patch
from collections.abc import Iterator  # noqa: E402 - after gevent's patch
from contextlib import contextmanager  # noqa: E402 - after gevent's patch
from io import BytesIO  # noqa: E402 - after gevent's patch
from time import monotonic  # noqa: E402 - after gevent's patch
from typing import Any  # noqa: E402 - after gevent's patch

import gevent  # noqa: E402 - after gevent's patch
from pyinfra.api.command import StringCommand  # noqa: E402 - after gevent's patch
from pyinfra.api.config import Config  # noqa: E402 - after gevent's patch
from pyinfra.api.exceptions import ConnectError  # noqa: E402 - after gevent's patch
from pyinfra.api.inventory import Inventory  # noqa: E402 - after gevent's patch
from pyinfra.api.state import State  # noqa: E402 - after gevent's patch
from winrm import transport  # noqa: E402 - after gevent's patch

from cemops.execution import winrm_endpoint, winrm_shell  # noqa: E402 - after gevent's patch
from cemops.execution.powershell import run_payload  # noqa: E402 - after gevent's patch
from cemops.execution.winrm_connector import WinrmConnector  # noqa: E402 - after gevent's patch


def _bytes(step: dict[str, Any]) -> bytes:
    """The bytes of a step: as they are, or so many in which no piece is like its neighbour."""
    if "size" in step:
        blocks = (hashlib.sha256(str(number).encode()).digest() for number in range(step["size"] // 32 + 1))
        return b"".join(blocks)[: step["size"]]
    return base64.b64decode(step.get("content", ""))


def _run(connector: WinrmConnector, step: dict[str, Any]) -> dict[str, Any]:
    content = _bytes(step)
    if "program" in step:
        finished = connector.run_program(step["program"], content, step.get("seconds", 30))
        if "size" in step:
            return {"code": finished.exit_code, "echoed": finished.stdout == content, "length": len(finished.stdout)}
        return {
            "code": finished.exit_code,
            "stdout": base64.b64encode(finished.stdout).decode(),
            "stderr": base64.b64encode(finished.stderr).decode(),
            "complaint": connector.last_complaint,
        }
    if "shell" in step:
        succeeded, output = connector.run_shell_command(StringCommand(step["shell"]), **step.get("arguments", {}))
        return {"succeeded": succeeded, "stdout": output.stdout, "stderr": output.stderr}
    return _special(connector, step, content)


def _special(connector: WinrmConnector, step: dict[str, Any], content: bytes) -> dict[str, Any]:
    if "payload" in step:
        return {"stdout": base64.b64encode(run_payload(connector.host, content, step["payload"])).decode()}
    if "together" in step:
        workers = [
            gevent.spawn(connector.run_program, "echo", f"{number}".encode(), 30) for number in range(step["together"])
        ]
        gevent.joinall(workers, raise_error=True)
        return {"outputs": [worker.value.stdout.decode() for worker in workers]}
    if "put" in step:
        return {"done": connector.put_file(BytesIO(content), step["put"])}
    received = BytesIO()
    connector.get_file(step["get"], received)
    return {"content": base64.b64encode(received.getvalue()).decode()}


def _step(connector: WinrmConnector, step: dict[str, Any]) -> dict[str, Any]:
    started = monotonic()
    try:
        result = _run(connector, step)
    except OSError as error:  # TimeoutError is one
        result = {"error": type(error).__name__, "text": str(error), "is_timeout": isinstance(error, TimeoutError)}
    return {**result, "took": monotonic() - started}


@contextmanager
def _settings(changes: list[tuple[str, str, Any]]) -> Iterator[None]:
    """Other waits and limits for a while."""
    modules: dict[str, Any] = {"shell": winrm_shell, "endpoint": winrm_endpoint, "transport": transport}
    before = [(modules[module], name, getattr(modules[module], name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(modules[module], name, value)
    try:
        yield
    finally:
        for one, name, value in before:
            setattr(one, name, value)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    os.environ.clear()
    os.environ.update(request["environ"])
    state = State(check_for_changes=False)
    state.init(Inventory(([("@winrm/ns1", request["data"])], {})), Config())
    host = next(iter(state.inventory))
    connector = host.connector
    assert isinstance(connector, WinrmConnector)
    answer: dict[str, Any] = {"error": None}
    for _ in range(request.get("connect_times", 1)):
        try:
            connector.connect()
        except ConnectError as error:
            answer["error"] = str(error)
        else:
            host.connected = True
    if answer["error"] is None:
        answer["results"] = [_step(connector, step) for step in request.get("steps", [])]
        connector.disconnect()
    answer["counts"] = {
        "connections": connector.traffic.connections,
        "requests": connector.requests_sent,
        "sent": connector.bytes_sent,
        "received": connector.bytes_received,
        "commands": connector.remote_commands,
    }
    return answer


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        with _settings(request.get("settings", [])):
            sys.stdout.write(json.dumps(_answer(request)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
