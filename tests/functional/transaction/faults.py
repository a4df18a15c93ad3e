"""Faults for a cemops command: what happens at a named point of the transaction (it runs in the command's process).

A fault is ``{"at": POINT, "do": [ACTION, ...]}``. Points: ``before:STEP``, ``after:STEP`` (a method of
GatewayTransaction), ``line:VERB`` (the host is about to run the line of ``transaction.sh`` that begins with ``text``),
``half:VERB`` (half of the verb's stdin is sent). Actions: ``die`` (SIGKILL of the command), ``kill_shell`` (SIGKILL of
the remote shell at its ``line``), ``cut`` and ``stall`` (SIGKILL, SIGSTOP of the host's sshd sessions), ``kill_httpd``
(SIGKILL of the gateway's httpd), ``wait`` (until there is a file ``go`` in the gateway's state). Further keys: ``only``
(the host it is for), ``conf`` (text after the configuration), ``live_conf`` (the same, not in the rehearsal),
``live_host`` (text at the end of its virtual host, not in the rehearsal), ``blind`` (from which look on the outside
check sees nothing good), ``wrong_key`` (the gateway gets another key), ``set`` (constants to replace), ``confirm``
(seconds of the dead-man timer of a command with a point; 2 by default).
"""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partialmethod, wraps
from pathlib import Path
from typing import Any

import gevent
import paramiko
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from cemops.execution import gateway_desired, gateway_host, gateway_transaction
from cemops.execution.gateway_host import GatewayHost
from cemops.execution.gateway_transaction import GatewayTransaction
from cemops.execution.outside_check import AgentsView
from cemops.probe.opens import OpensResult
from cemops.rendering.gateway_httpd import HttpdInputs

Fault = dict[str, Any]

STOP_HERE = """
printf '%s\\n' $$ >"$state/reached.new" && mv "$state/reached.new" "$state/reached"
tries=0; while [ -e "$state/reached" ] && [ $tries -lt 600 ]; do tries=$((tries + 1)); sleep 0.05; done; tries=0
"""
WAIT_SECONDS = 60
OPEN_PROXY = '<Proxy "*">\n    Require all granted\n</Proxy>\n'
"""For ``live_host``: agents get everywhere; the check from outside sees nothing of it, the probe does."""


def children(pid: int) -> tuple[int, ...]:
    try:
        return tuple(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()))
    except OSError:
        return ()


def kill_tree(pid: int) -> None:
    """End a process and whatever it started, so that nothing of it is left to serve."""
    for child in children(pid):
        kill_tree(child)
    os.kill(pid, signal.SIGKILL)


def install(fault: Fault) -> None:
    """Make the fault happen in this process."""
    for name, value in fault.get("set", {}).items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(module), constant, value)
    if {"conf", "live_conf", "live_host"} & set(fault):
        _spoil_configuration(fault)
    if "blind" in fault:
        _blind(fault)
    if "wrong_key" in fault:
        other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        vars(gateway_transaction)["gateway_key_pem"] = lambda *_: SecretStr(other.decode())
    if "at" not in fault:
        return
    _shorten_timer(fault.get("confirm", 2))
    when, _, place = fault["at"].partition(":")
    if when in ("before", "after"):
        _around_step(fault, when, place)
    elif when == "line":
        _at_line(fault, place)
    else:
        _at_half(fault, place)


def sessions(root: Path) -> tuple[int, ...]:
    """The sshd sessions of the host whose gateway has this folder."""
    return children(int((root.parent / "sshd" / "sshd.pid").read_text("ascii")))


def _act(fault: Fault, host: GatewayHost) -> None:
    root = Path(host.gateway.root)
    for action in fault["do"]:
        if action == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "kill_httpd":
            kill_tree(int((root / "run" / "httpd.pid").read_text("ascii")))
        elif action == "kill_shell":
            continue  # done by _at_line, which knows the shell
        elif action == "cut":
            for session in sessions(root):
                os.kill(session, signal.SIGKILL)
            time.sleep(0.2)
        elif action == "stall":
            for session in sessions(root):
                os.kill(session, signal.SIGSTOP)
        elif action == "wait":
            _wait_for(root / "state" / "go")
        else:
            raise ValueError(action)


def _meant(fault: Fault, host: str) -> bool:
    return bool(fault.get("only", host) == host)


def _shorten_timer(seconds: int) -> None:
    original: Callable[..., tuple[str, ...]] = GatewayHost.run

    def run(self: GatewayHost, verb: str, arguments: list[Any], **keywords: Any) -> tuple[str, ...]:
        if verb == "switch":
            arguments = [*arguments[:3], seconds, *arguments[4:]]
        if verb == "hold":
            arguments = [arguments[0], seconds]
        return original(self, verb, arguments, **keywords)

    setattr(GatewayHost, "run", run)  # noqa: B010 - mypy allows no assignment to a method


def _around_step(fault: Fault, when: str, step: str) -> None:
    original = getattr(GatewayTransaction, step)

    @wraps(original)
    def wrapped(self: GatewayTransaction) -> None:
        if when == "before" and _meant(fault, self.host.name):
            _act(fault, self.host)
        original(self)
        if when == "after" and _meant(fault, self.host.name):
            _act(fault, self.host)

    setattr(GatewayTransaction, step, wrapped)


def _wait_for(path: Path) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not path.exists() and time.monotonic() < end:
        gevent.sleep(0.01)


def _at_line(fault: Fault, verb: str) -> None:
    original: Callable[..., tuple[str, ...]] = GatewayHost.run
    script: str = vars(gateway_host)["TRANSACTION"]
    (line,) = [line for line in script.splitlines() if line.strip().startswith(fault["text"])]
    stopping = script.replace(line, STOP_HERE + line)

    def act_when_reached(host: GatewayHost) -> None:
        reached = Path(host.gateway.root) / "state" / "reached"
        _wait_for(reached)
        shell = reached.read_text("ascii")
        if "kill_shell" in fault["do"]:
            os.kill(int(shell), signal.SIGKILL)
        reached.unlink()  # the shell goes on when it looks again, which is after what follows
        _act(fault, host)

    def run(self: GatewayHost, asked: str, *arguments: Any, **keywords: Any) -> tuple[str, ...]:
        meant = asked == verb and _meant(fault, self.name)
        vars(gateway_host)["TRANSACTION"] = stopping if meant else script
        if meant:
            gevent.spawn(act_when_reached, self)
        return original(self, asked, *arguments, **keywords)

    setattr(GatewayHost, "run", run)  # noqa: B010 - mypy allows no assignment to a method


def _at_half(fault: Fault, verb: str) -> None:
    original: Callable[..., tuple[str, ...]] = GatewayHost.run
    sendall: Callable[[paramiko.Channel, bytes], None] = paramiko.Channel.sendall

    def send_half(host: GatewayHost, channel: paramiko.Channel, content: bytes) -> None:
        setattr(paramiko.Channel, "sendall", sendall)  # noqa: B010 - mypy allows no assignment to a method
        sendall(channel, content[: len(content) // 2])
        gevent.sleep(0.2)
        _act(fault, host)
        if "wait" in fault["do"]:
            sendall(channel, content[len(content) // 2 :])

    def run(self: GatewayHost, asked: str, *arguments: Any, **keywords: Any) -> tuple[str, ...]:
        if asked == verb and _meant(fault, self.name):
            half = partialmethod(lambda channel, content: send_half(self, channel, content))
            setattr(paramiko.Channel, "sendall", half)  # noqa: B010 - as above
        return original(self, asked, *arguments, **keywords)

    setattr(GatewayHost, "run", run)  # noqa: B010 - as above


def _spoil_configuration(fault: Fault) -> None:
    render: Callable[[HttpdInputs], str] = vars(gateway_desired)["render_httpd_conf"]

    def spoilt(inputs: HttpdInputs) -> str:
        if not _meant(fault, inputs.fqdn.partition(".")[0]):
            return render(inputs)
        text = f"{render(inputs)}{fault.get('conf', '')}"
        if inputs.log_dir:
            return text  # the rehearsal
        before, end, after = text.partition("</VirtualHost>")
        return f"{before}{fault.get('live_host', '')}{end}{after}{fault.get('live_conf', '')}"

    vars(gateway_desired)["render_httpd_conf"] = spoilt


def _blind(fault: Fault) -> None:
    look = AgentsView.look
    looks: list[str] = []

    def blinded(self: AgentsView, dial: Callable[[], Any], thumbprint: str) -> OpensResult:
        result = look(self, dial, thumbprint)
        if not _meant(fault, self.gateway.name):
            return result
        looks.append(self.gateway.name)
        return result if len(looks) < fault["blind"] else replace(result, ok=False, faults=("planted: nothing opens",))

    setattr(AgentsView, "look", blinded)  # noqa: B010 - as above
