"""The lab's Windows servers as agents meet them: by a TLS handshake, before the first apply and after."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import sys
import time
from typing import Any

import pytest
import yaml

from cemops.lab.estate_lab import Lab
from cemops.lab.processes import identify, start
from cemops.lab.python_process import python_environment
from cemops.lab.report import lab_report

pytestmark = pytest.mark.slow

SERVED = [
    ("ns1", "ns1.corp.lab.example", 4726),
    ("ps1", "ps1.corp.lab.example", 4726),
    ("ps1", "ps1.corp.lab.example", 44300),
    ("ps2", "ps2.corp.lab.example", 47260),
]
CONSOLE = ("ns1", 44300)
OLD_BINDING = ("ps2", 44300)
SECONDS = 10


def address_of(lab: Lab, name: str) -> str:
    return {one.host: one.addresses[0].rpartition(":")[0] for one in lab_report(lab.folder).processes}[name]


def thumbprint(lab: Lab, name: str, port: int, host: str = "") -> str | None:
    """The SHA-1 thumbprint of the certificate that is shown there; None where no handshake comes about."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address_of(lab, name), port), timeout=SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host or None) as server,
        ):
            shown = server.getpeercert(binary_form=True) or b""
    except OSError:
        return None
    return hashlib.sha1(shown, usedforsecurity=False).hexdigest().upper()


def site_server_root(lab: Lab) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(lab.folder / "pki/authorities/site-server-root/certificate.pem"))


class NamedConnection(http.client.HTTPSConnection):
    """Connects to an address and checks the certificate against a name."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext, name: str) -> None:
        super().__init__(address, port, context=context, timeout=SECONDS)
        self._tls, self._name = context, name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def plan(lab: Lab, *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(lab.cemops("plan", "--format", "json", *arguments).stdout)
    return document


def test_before_the_first_apply_nobody_reaches_what_agents_need(shared_lab: Lab) -> None:
    assert [thumbprint(shared_lab, name, port) for name, _, port in SERVED] == [None] * len(SERVED)
    assert thumbprint(shared_lab, *CONSOLE) is not None
    assert thumbprint(shared_lab, *OLD_BINDING) is not None


def test_the_first_plan_shows_the_rows_of_the_rollout_table(shared_lab: Lab) -> None:
    hosts = {host["host"]: host for host in plan(shared_lab, "--limit", "site_servers")["hosts"]}
    endpoints = {
        (name, change["name"]): change["action"]
        for name, host in hosts.items()
        for change in host["changes"]
        if change["resource"] == "http_sys_certificate"
    }
    assert endpoints == {
        ("ps1", "0.0.0.0:44300"): "create",
        ("ps1", "0.0.0.0:4726"): "create",
        ("ps2", "0.0.0.0:47260"): "replace",
    }
    assert "rollout-left-binding" in json.dumps(hosts["ps2"])


@pytest.mark.parametrize(("name", "fqdn", "port"), SERVED)
def test_after_apply_each_server_says_who_it_is_behind_a_certificate_for_its_name(
    applied_lab: Lab, name: str, fqdn: str, port: int
) -> None:
    connection = NamedConnection(address_of(applied_lab, name), port, site_server_root(applied_lab), fqdn)
    for method, body in (("GET", None), ("POST", b"x" * 5000), ("GET", None)):
        connection.request(method, "/Altiris/NS/Agent/GetPackageInfo.aspx", body)
        response = connection.getresponse()
        told = json.loads(response.read())
        assert (told["server"], told["port"]) == (name, port)
        assert told["fqdn"].split(".")[0] == name
    connection.close()


def test_a_server_has_no_certificate_for_another_name(applied_lab: Lab) -> None:
    connection = NamedConnection(
        address_of(applied_lab, "ps1"), 4726, site_server_root(applied_lab), "ns1.corp.lab.example"
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/")


def test_a_binding_that_may_not_be_overwritten_keeps_its_old_certificate(applied_lab: Lab) -> None:
    connection = NamedConnection(
        address_of(applied_lab, "ps2"), 44300, site_server_root(applied_lab), "ps2.corp.lab.example"
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/")


def test_a_second_apply_does_nothing_and_observing_takes_one_process_a_host(applied_lab: Lab) -> None:
    document = plan(applied_lab, "--detailed-exitcode")
    assert {host["host"]: host["status"] for host in document["hosts"]} == dict.fromkeys(
        ("gw1", "gw2", "gw3", "ns1", "ps1", "ps2"), "in-sync"
    )
    assert {host["round_trips"] for host in document["hosts"]} == {1}
    assert all(host["http_requests"] <= 10 for host in document["hosts"])


def test_a_gateway_on_windows_proves_what_the_others_prove(applied_lab: Lab) -> None:
    done = applied_lab.cemops("probe", "--gateway", "gw3", "--format", "json")
    document = json.loads(done.stdout)
    assert done.returncode == 0, document
    assert document["summary"]["fail"] == document["summary"]["skipped"] == 0
    assert {check["id"] for check in document["checks"]} >= {"gateway.tunnel.allowed", "gateway.deny.revoked"}


def test_overwriting_a_certificate_that_serves_is_planned_as_cutting_off_and_asks_for_a_word(lab: Lab) -> None:
    """Old certificate before, new one after; who pinned the old one loses it, and the plan had said so."""
    estate = yaml.safe_load(lab.estate_file.read_text("utf-8"))
    estate["site_servers"][1]["overrides"]["web"]["https"]["force_overwrite"] = True
    lab.estate_file.write_text(yaml.safe_dump(estate), "utf-8")
    old = thumbprint(lab, *OLD_BINDING)
    refused = lab.cemops("apply", "--yes", "--limit", "ps2")
    assert refused.returncode == 3
    assert "--accept-lockout 1" in refused.stderr
    assert f"certificate {old} -> " in refused.stderr
    assert thumbprint(lab, *OLD_BINDING) == old
    done = lab.cemops("apply", "--yes", "--limit", "ps2", "--accept-lockout", "1")
    assert done.returncode == 0, done.stderr
    new = thumbprint(lab, *OLD_BINDING)
    assert new not in {None, old}
    connection = NamedConnection(address_of(lab, "ps2"), 44300, site_server_root(lab), "ps2.corp.lab.example")
    connection.request("GET", "/")
    assert connection.getresponse().status == 200


def test_a_stand_in_that_is_killed_comes_back_as_it_was(lab: Lab) -> None:
    assert lab.cemops("apply", "--yes", "--limit", "ps1").returncode == 0
    shown = thumbprint(lab, "ps1", 4726)
    report = {one.host: one for one in lab_report(lab.folder).processes if one.role == "stand-in"}
    pid = report["ps1"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    for _ in range(500):
        if identify(pid) is None:
            break
        time.sleep(0.01)
    assert thumbprint(lab, "ps1", 4726) is None
    assert plan(lab, "--limit", "ps1")["hosts"][0]["status"] == "unreachable"
    folder = lab.folder / "hosts" / "ps1"
    command = [sys.executable, "-m", "cemops.lab.windows.machine_process", "--folder", str(folder)]
    start(command, lab.folder, folder / "machine.log", python_environment())
    for _ in range(500):
        if thumbprint(lab, "ps1", 4726) is not None:
            break
        time.sleep(0.02)
    assert thumbprint(lab, "ps1", 4726) == shown
    assert plan(lab, "--limit", "ps1")["hosts"][0]["status"] == "in-sync"
