"""For each planted fault exactly the expected checks fail, by name; on our own configuration none does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cemops.probe.checks import CheckId, ProbeReport
from cemops.probe.run import probe_gateways
from cemops.probe.subject import NotificationServerAgents, ProbeSubject, ProbeTarget
from tests.functional.probe_bench import FQDN, NOW, Estate, self_signed
from tests.functional.probe_gateway import (
    Planted,
    Servers,
    gateway_running,
    servers_running,
    with_session_cache,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

TIMEOUT = 5.0


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate()


@pytest.fixture(scope="module")
def servers(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers_running(estate, tmp_path_factory.mktemp("servers")) as running:
        yield running


def subject(estate: Estate, servers: Servers, port: int) -> ProbeSubject:
    return ProbeSubject(
        gateway="gw1",
        address="127.0.0.1",
        port=port,
        fqdn=FQDN,
        thumbprint=estate.thumbprint,
        targets=tuple(
            ProbeTarget(one.host, one.port, True, "ns1", inner_authorities=(estate.server_root.pem,))
            for one in servers.all
        ),
        agents=(NotificationServerAgents("ns1", estate.agent, estate.revoked, estate.expired),),
        unknown=estate.unknown,
    )


def probed(estate: Estate, servers: Servers, planted: Planted | None = None) -> ProbeReport:
    with gateway_running(estate, servers.all, planted) as gateway:
        return probe_gateways([subject(estate, servers, gateway.port)], timeout=TIMEOUT)


def ids(report: ProbeReport, result: str) -> set[str]:
    return {one.check.value.removeprefix("gateway.") for one in report.results if one.result == result}


def lines(report: ProbeReport) -> str:
    return "\n".join(f"{one.result} {one.check.value} {one.target}: {one.verdict.detail}" for one in report.results)


@pytest.mark.parametrize("tls", [("1.2",), ("1.3",), ("1.2", "1.3")], ids="+".join)
def test_every_check_passes_on_our_configuration(estate: Estate, servers: Servers, tls: tuple[str, ...]) -> None:
    report = probed(estate, servers, Planted(tls=tls))
    assert ids(report, "pass") == {one.value.removeprefix("gateway.") for one in CheckId}, lines(report)
    assert (ids(report, "fail"), ids(report, "skipped"), report.ok) == (set(), set(), True), lines(report)


@dataclass(frozen=True)
class Fault:
    """What is planted, and the ids that must fail and be skipped."""

    fails: set[str]
    change: Callable[[str], str] = field(default=lambda text: text)
    plant: Callable[[Estate], Planted] | None = None
    skipped: set[str] = field(default_factory=set)

    def planted(self, estate: Estate) -> Planted:
        return self.plant(estate) if self.plant else Planted(change=self.change)


def replacing(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def prefix_matching_proxy(text: str) -> str:
    """The obvious configuration, and the wrong one (ENGINEERING 1)."""
    kept, skipping = [], False
    for line in text.splitlines():
        skipping = skipping or "<ProxyMatch" in line
        if not skipping:
            kept.append(line)
        skipping = skipping and "</ProxyMatch>" not in line
    entries = [
        line.split("(?i)^")[1].split("$")[0].replace("[.]", ".") for line in text.splitlines() if "<ProxyMatch" in line
    ]
    assert entries
    opened = "".join(f'<Proxy "{entry}">\nRequire all granted\n</Proxy>\n' for entry in entries)
    return "\n".join(kept).replace("</VirtualHost>", opened + "</VirtualHost>")


def second_virtual_host(text: str) -> str:
    """One that serves ps1's name and asks for no certificate."""
    start = text.index("<VirtualHost")
    block = text[start:]
    second = block.replace(f"ServerName {FQDN}", "ServerName ps1.corp.example")
    second = second.replace("SSLVerifyClient require", "SSLVerifyClient none")
    assert second.count("ps1.corp.example") > block.count("ps1.corp.example")
    return text + "\n" + second


def second_virtual_host_that_grants_nothing(text: str) -> str:
    """One that serves ps1's name and grants nothing: the name after CONNECT selects it (ENGINEERING 2)."""
    block = text[text.index("<VirtualHost") :].replace(f"ServerName {FQDN}", "ServerName ps1.corp.example")
    return text + "\n" + replacing("Require all granted", "Require all denied")(block)


EVERY_ALLOW_LIST_CHECK = {
    "deny.unlisted_host",
    "deny.unlisted_port",
    "deny.cross_pair",
    "deny.port_prefix",
    "deny.ip_address",
}
EVERY_CERTIFICATE_CHECK = {
    "deny.no_certificate",
    "deny.unknown_ca",
    "deny.revoked",
    "deny.revoked_resumed",
    "deny.expired",
}

FAULTS = {
    "open proxy": Fault(
        # An absolute URL gets past the allow-list too, and finds no handler: 500.
        fails=EVERY_ALLOW_LIST_CHECK - {"deny.unlisted_port"} | {"deny.plain_get"},
        change=replacing("Require all denied\n    </Proxy>", "Require all granted\n    </Proxy>"),
    ),
    "prefix-matching proxy": Fault(fails={"deny.port_prefix"}, change=prefix_matching_proxy),
    "SSLVerifyClient none": Fault(
        fails=EVERY_CERTIFICATE_CHECK, change=replacing("SSLVerifyClient require", "SSLVerifyClient none")
    ),
    "SSLVerifyClient optional": Fault(
        fails={"deny.no_certificate"}, change=replacing("SSLVerifyClient require", "SSLVerifyClient optional")
    ),
    "revocation off": Fault(
        fails={"deny.revoked", "deny.revoked_resumed"},
        change=replacing("SSLCARevocationCheck leaf", "SSLCARevocationCheck none"),
    ),
    "sessions resumed": Fault(fails={"deny.revoked_resumed"}, change=with_session_cache),
    "expired CRL": Fault(
        fails=EVERY_ALLOW_LIST_CHECK | {"tunnel.allowed", "deny.plain_get", "deny.revoked_resumed"},
        plant=lambda estate: Planted(crl=estate.root.crl(estate.revoked, next_update=NOW - timedelta(days=1))),
        skipped={"inner_tls"},
    ),
    "swapped certificate": Fault(
        fails={"thumbprint", "tunnel.allowed"},
        plant=lambda _: Planted(certificate=self_signed(FQDN)),
        skipped={one.value.removeprefix("gateway.") for one in CheckId} - {"thumbprint", "tunnel.allowed"},
    ),
    "second virtual host": Fault(fails={"deny.no_certificate"}, change=second_virtual_host),
    "second virtual host that grants nothing": Fault(
        fails={"tunnel.allowed"}, change=second_virtual_host_that_grants_nothing, skipped={"inner_tls"}
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_exactly_the_expected_checks_fail(estate: Estate, servers: Servers, name: str) -> None:
    fault = FAULTS[name]
    report = probed(estate, servers, fault.planted(estate))
    assert ids(report, "fail") == fault.fails, lines(report)
    assert ids(report, "skipped") == fault.skipped, lines(report)
