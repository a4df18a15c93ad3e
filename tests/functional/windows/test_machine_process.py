"""One Windows machine of the lab as a process: commands by WinRM on one side, TLS handshakes on the other."""

from __future__ import annotations

import base64
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from winrm.exceptions import WSManFaultError
from winrm.protocol import Protocol

from cemops.lab.trust import LabAuthority, ServerCertificate
from cemops.lab.windows.birth import Newborn, https_binding, serve, site_server
from cemops.lab.windows.certificate_stores import thumbprint_of
from cemops.lab.windows.endpoint_settings import STATUS_FILE, EndpointSettings
from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.wsman_behaviour import Behaviour
from cemops.lab.windows.wsman_logons import Account
from cemops.payload.assembly import BOOTSTRAP_COMMAND, dead_man_script, framed, reply_of
from tests.functional.probe_bench import free_port
from tests.functional.windows.endpoint_bench import ADDRESS, PASSWORD, USER, self_signed

pytestmark = pytest.mark.slow

FQDN = "ps1.corp.example"
ROOT = LabAuthority("Lab Site Server Root")
OLD, NEW = ROOT.issue((FQDN,)), ROOT.issue((FQDN,))
SECONDS = 20.0


def thumbprint(one: ServerCertificate) -> str:
    return thumbprint_of(ssl.PEM_cert_to_DER_cert(one.certificate.decode()))


@dataclass
class Machine:
    """A stand-in's folder, and the process that serves it."""

    folder: Path
    port: int
    tls_port: int

    def begin(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cemops.lab.windows.machine_process", "--folder", str(self.folder)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        process = self.begin()
        try:
            until(self.answers, process)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=SECONDS)[1] == ""
            assert process.returncode == 0

    def answers(self) -> bool:
        return bool(shown(self.port))

    @contextmanager
    def client(self) -> Iterator[Callable[..., Any]]:
        """What sends a request and returns the data of its reply."""
        protocol = Protocol(
            endpoint=f"https://{ADDRESS}:{self.port}/wsman",
            transport="ntlm",
            username=USER,
            password=PASSWORD,
            ca_trust_path=str(self.folder / "winrm.crt"),
            proxy=None,
        )
        shell = protocol.open_shell(codepage=65001)

        def ask(request: object, line: str = BOOTSTRAP_COMMAND) -> Any:
            command = protocol.run_command(shell, line, console_mode_stdin=False, skip_cmd_shell=True)
            protocol.send_command_input(shell, command, framed(request), end=True)
            stdout = protocol.get_command_output(shell, command)[0]
            protocol.cleanup_command(shell, command)
            return reply_of(stdout)

        try:
            yield ask
        finally:
            protocol.close_shell(shell)


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait, for SECONDS at most, as long as the process lives."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def shown(port: int) -> str:
    """The thumbprint that a handshake shows; empty: nobody answers."""
    try:
        pem = ssl.get_server_certificate((ADDRESS, port), timeout=5)
    except OSError:
        return ""
    return thumbprint_of(ssl.PEM_cert_to_DER_cert(pem))


def pfx(one: ServerCertificate) -> str:
    key = load_pem_private_key(one.key, None)
    content = pkcs12.serialize_key_and_certificates(
        b"x",
        key,  # type: ignore[arg-type]  # an RSA key, as issued
        x509.load_pem_x509_certificate(one.certificate),
        None,
        BestAvailableEncryption(b"secret"),
    )
    return base64.b64encode(content).decode()


def replacing(new: ServerCertificate, tls_port: int) -> list[dict[str, Any]]:
    """The actions that bring another certificate to the port."""
    return [
        {
            "id": "1",
            "op": "certificate.import_pfx",
            "store": "My",
            "thumbprint": thumbprint(new),
            "pfx": pfx(new),
            "password": "secret",
        },
        naming(new, tls_port),
    ]


def naming(one: ServerCertificate, tls_port: int) -> dict[str, Any]:
    return {
        "id": "2",
        "op": "sslcert.set",
        "kind": "ipport",
        "endpoint": f"0.0.0.0:{tls_port}",
        "thumbprint": thumbprint(one),
        "store": "My",
        "appid": "{4dc3e181-e14b-4a21-b022-59fc669b0914}",
    }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    one = Machine(tmp_path, free_port(), free_port())
    certificate, key = self_signed(tmp_path, "winrm")
    assert (certificate.name, key.name) == ("winrm.crt", "winrm.key")
    EndpointSettings(one.port, (Account(USER, PASSWORD),), behaviour=Behaviour(piece=4096)).write(tmp_path)
    born = site_server(Newborn(tmp_path, "ps1", FQDN, ADDRESS, {}), https_binding(one.tls_port))
    serve(born, one.tls_port, OLD)
    save_machine(born)
    return one


def test_a_certificate_that_is_named_by_winrm_shows_in_the_next_handshake_and_after_a_restart(machine: Machine) -> None:
    with machine.running():
        assert shown(machine.tls_port) == thumbprint(OLD)
        with machine.client() as ask:
            assert ask({"verb": "state", "want": {}})["os"]["computer"] == "PS1"
            reply = ask({"verb": "apply", "actions": replacing(NEW, machine.tls_port)})
            assert [one["state"] for one in reply["actions"]] == ["done", "done"]
            assert shown(machine.tls_port) == thumbprint(NEW)
            again = ask({"verb": "apply", "actions": replacing(NEW, machine.tls_port)})
            assert [one["changed"] for one in again["actions"]] == [False, False]
    assert shown(machine.tls_port) == ""
    with machine.running():
        assert shown(machine.tls_port) == thumbprint(NEW)


def test_a_dead_mans_timer_brings_the_old_certificate_back_by_itself(machine: Machine) -> None:
    with machine.running() as process:
        script = dead_man_script([naming(OLD, machine.tls_port)])
        armed = {
            "id": "0",
            "op": "deadman.arm",
            "token": "t1",
            "seconds": 2,
            "script": base64.b64encode(script.encode()).decode(),
        }
        with machine.client() as ask:
            reply = ask({"verb": "apply", "actions": [armed, *replacing(NEW, machine.tls_port)]})
            assert [one["state"] for one in reply["actions"]] == ["done", "done", "done"]
        until(lambda: shown(machine.tls_port) == thumbprint(OLD), process)


def test_what_somebody_changes_at_the_console_is_served_too(machine: Machine) -> None:
    with machine.running() as process:
        by_hand = load_machine(machine.folder)
        serve(by_hand, machine.tls_port, NEW)
        save_machine(by_hand)
        until(lambda: shown(machine.tls_port) == thumbprint(NEW), process)
        assert by_hand.iis is not None
        by_hand.iis.stopped.add("Default Web Site")
        save_machine(by_hand)
        until(lambda: shown(machine.tls_port) == "", process)


def test_a_command_that_is_not_cemopss_own_is_refused(machine: Machine) -> None:
    with (
        machine.running(),
        machine.client() as ask,
        pytest.raises(WSManFaultError, match="not known to this stand-in"),
    ):
        ask({}, "powershell.exe -Command Get-Date")


def test_the_status_file_counts_and_holds_no_secret(machine: Machine) -> None:
    with machine.running(), machine.client() as ask:
        ask({"verb": "state", "want": {}})
    status = (machine.folder / STATUS_FILE).read_text()
    assert json.loads(status)["commands"] == 1
    assert json.loads(status)["failed_logons"] == 0
    assert PASSWORD not in status


@pytest.mark.parametrize("file", ["machine.json", "endpoint.json", "winrm.key"])
def test_a_folder_that_is_not_whole_is_one_sentence(machine: Machine, file: str) -> None:
    (machine.folder / file).unlink()
    process = machine.begin()
    errors = process.communicate(timeout=SECONDS)[1]
    assert (process.returncode, errors.count("\n"), "Traceback" in errors) == (1, 1, False)
    assert str(machine.folder) in errors


def test_a_port_that_is_taken_is_one_sentence(machine: Machine) -> None:
    with machine.running():
        process = machine.begin()
        errors = process.communicate(timeout=SECONDS)[1]
        assert (process.returncode, f"cannot listen on {ADDRESS}:{machine.port}" in errors) == (1, True)


def test_passwords_are_readable_by_nobody_else(machine: Machine) -> None:
    assert (machine.folder / "endpoint.json").stat().st_mode & 0o777 == 0o600
