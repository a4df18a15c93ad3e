"""Gateways and servers that are down, hang, or speak something else: bounded, and told apart."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from cemops.probe.agent import Agent
from cemops.probe.checks import CheckId, ProbeReport
from cemops.probe.opens import check_opens
from cemops.probe.run import probe_gateways
from cemops.probe.streams import tcp_dial
from cemops.probe.subject import Missing, NotificationServerAgents, ProbeSubject, ProbeTarget
from cemops.probe.visit import Outcome, Step
from tests.functional.probe_bench import FQDN, Estate, free_port, listening, write_pair
from tests.functional.probe_gateway import Entry, Servers, gateway_running, servers_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate()


@pytest.fixture(scope="module")
def servers(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers_running(estate, tmp_path_factory.mktemp("servers")) as running:
        yield running


def subject(estate: Estate, port: int, *targets: Entry) -> ProbeSubject:
    return ProbeSubject(
        gateway="gw1",
        address="127.0.0.1",
        port=port,
        fqdn=FQDN,
        thumbprint=estate.thumbprint,
        targets=tuple(ProbeTarget(one.host, one.port, True, "ns1") for one in targets),
        agents=(NotificationServerAgents("ns1", estate.agent, estate.revoked, estate.expired),),
        unknown=estate.unknown,
    )


def verdicts(report: ProbeReport, check: CheckId) -> dict[str, tuple[str, str]]:
    return {one.target: (one.result, one.verdict.detail) for one in report.results if one.check is check}


def test_a_server_that_is_down_fails_its_own_tunnel_and_no_other(estate: Estate, servers: Servers) -> None:
    down = Entry("ps1.corp.example", free_port("127.0.0.82"))
    with gateway_running(estate, (servers.ns1, down)) as gateway:
        report = probe_gateways([subject(estate, gateway.port, servers.ns1, down)], timeout=5)
        opens = check_opens(
            gateway.dial(),
            sni=FQDN,
            expected_thumbprint=estate.thumbprint,
            agent=estate.agent,
            targets=[str(servers.ns1), str(down)],
            timeout=5,
        )
    tunnels = verdicts(report, CheckId.TUNNEL_ALLOWED)
    assert tunnels[str(servers.ns1)] == ("pass", "opened (200)")
    assert tunnels[str(down)] == (
        "fail",
        (
            "the gateway answered 503 Service Unavailable; the gateway let the agent through but did not reach "
            "the server: look at the server, at name resolution and at the firewall between the two"
        ),
    )
    assert verdicts(report, CheckId.INNER_TLS)[str(down)][0] == "skipped"
    assert {one.check for one in report.results if one.result == "fail"} == {CheckId.TUNNEL_ALLOWED}
    assert (opens.ok, opens.proven, opens.faults) == (True, True, ())
    assert [(one.opened, one.behind) for one in opens.targets] == [(True, False), (False, True)]


def test_with_every_server_down_new_tunnels_do_not_open_but_the_gateway_has_no_fault(
    estate: Estate, servers: Servers
) -> None:
    down = Entry("ps1.corp.example", free_port("127.0.0.82"))
    with gateway_running(estate, (servers.ns1, down)) as gateway:
        opens = check_opens(
            gateway.dial(),
            sni=FQDN,
            expected_thumbprint=estate.thumbprint,
            agent=estate.agent,
            targets=[str(down)],
            timeout=5,
        )
    assert (opens.ok, opens.proven, opens.faults) == (False, False, ())


def hang(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def drip(connection: socket.socket) -> None:
    """One byte of a TLS record now and then: each read is answered, the whole never is."""
    for byte in b"\x16\x03\x03\x40\x00" + bytes(16000):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def end_at_once(connection: socket.socket) -> None:
    connection.recv(10)


def speak_ssh(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 20)
    connection.recv(4096)


@pytest.mark.parametrize(
    ("serve", "outcome", "detail"),
    [
        (hang, Outcome.TIMEOUT, "no answer within 0.5 s (TLS handshake with the gateway)"),
        (drip, Outcome.TIMEOUT, "no answer within 0.5 s (TLS handshake with the gateway)"),
        (
            end_at_once,
            Outcome.CLOSED,
            "the connection was closed without an answer (TLS handshake with the gateway)",
        ),
        (
            speak_ssh,
            Outcome.NOT_TLS,
            "no TLS could be agreed on: wrong version number (TLS handshake with the gateway)",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_attempt_ends_by_its_deadline_and_says_where_it_was(
    serve: Callable[[socket.socket], None], outcome: Outcome, detail: str, estate: Estate
) -> None:
    with listening("127.0.0.1", 0, serve) as port:
        dial = tcp_dial("127.0.0.1", port, timeout=0.5)
        visit = Agent(dial, sni=FQDN, thumbprint=None, credential=estate.agent, timeout=0.5).connect("a:1")
    assert (visit.outcome, visit.detail) == (outcome, detail)
    assert visit.step is Step.OUTER_TLS


def test_a_gateway_that_hangs_fails_every_check_and_the_probe_ends(estate: Estate) -> None:
    with listening("127.0.0.1", 0, hang) as port:
        report = probe_gateways([subject(estate, port, Entry("ns1.corp.example", 4726))], timeout=0.5)
    assert {one.result for one in report.results if one.check is not CheckId.INNER_TLS} <= {"fail", "skipped"}
    assert report.count("pass") == 0
    assert not report.ok


def test_where_nobody_listens_every_check_fails_with_the_reason(estate: Estate) -> None:
    report = probe_gateways([subject(estate, free_port(), Entry("ns1.corp.example", 4726))], timeout=2)
    assert verdicts(report, CheckId.REVOKED) == {
        "ns1.corp.example:4726": ("fail", "could not be checked: cannot connect: Connection refused")
    }
    assert report.count("pass") == 0


def test_two_gateways_are_probed_together_and_reported_in_their_order(estate: Estate, servers: Servers) -> None:
    with gateway_running(estate, servers.all) as gateway:
        good = subject(estate, gateway.port, *servers.all)
        dead = subject(estate, free_port(), *servers.all)
        report = probe_gateways([dead, good], timeout=5)
    half = len(report.results) // 2
    assert {one.result for one in report.results[half:]} == {"pass"}
    assert "pass" not in {one.result for one in report.results[:half]}


def test_without_an_agent_certificate_the_rest_is_checked_and_the_probe_fails(estate: Estate, servers: Servers) -> None:
    none = Missing("ns1 has no probe_certificate")
    with gateway_running(estate, servers.all) as gateway:
        known = subject(estate, gateway.port, *servers.all)
        bare = ProbeSubject(**(vars(known) | {"agents": (NotificationServerAgents("ns1", none, none, none),)}))
        report = probe_gateways([bare], timeout=5)
    passed = {one.check for one in report.results if one.result == "pass"}
    assert passed == {CheckId.THUMBPRINT, CheckId.NO_CERTIFICATE, CheckId.UNKNOWN_CA, CheckId.PLAIN_GET}
    assert report.count("fail") == 0
    assert verdicts(report, CheckId.EXPIRED) == {str(servers.ns1): ("skipped", "ns1 has no probe_certificate")}
    assert (report.ok, report.unproven_gateways) == (False, ("gw1",))


def test_the_agent_works_under_gevents_monkey_patching(estate: Estate, servers: Servers, tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, "agent", estate.agent)
    authority = tmp_path / "authority.pem"
    authority.write_text(estate.server_root.pem)
    program = f"""
        from gevent import monkey
        monkey.patch_all()
        from pathlib import Path
        from pydantic import SecretStr
        from cemops.pki.inspection import facts_from_pem
        from cemops.pki.keyed_certificate import KeyedCertificate
        from cemops.probe.agent import Agent, InnerTls
        from cemops.probe.run import probe_gateways
        from cemops.probe.streams import tcp_dial
        from cemops.probe.subject import Missing, NotificationServerAgents, ProbeSubject, ProbeTarget
        credential = KeyedCertificate(
            facts_from_pem(Path({str(certificate)!r}).read_text()), SecretStr(Path({str(key)!r}).read_text())
        )
        none = Missing("none")
        pem = Path({str(authority)!r}).read_text()
        targets = (ProbeTarget({servers.ns1.host!r}, {servers.ns1.port}, True, "ns1", None, (pem,)),)
        agents = (NotificationServerAgents("ns1", credential, none, none),)
        subject = ProbeSubject("gw1", "127.0.0.1", PORT, {FQDN!r}, {estate.thumbprint!r}, targets, agents, none)
        for one in probe_gateways([subject], timeout=5).results:
            print(one.result, one.check.value, one.verdict.detail)
    """
    with gateway_running(estate, servers.all) as gateway:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program).replace("PORT", str(gateway.port))],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "pass gateway.tunnel.allowed opened (200)" in lines
    assert any(line.startswith("pass gateway.inner_tls opened, inner TLS 1.3") for line in lines)
    assert not [line for line in lines if line.startswith("fail")]
