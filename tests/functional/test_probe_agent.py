"""The agent before a real httpd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cemops.probe.agent import Agent, InnerTls
from cemops.probe.opens import check_opens
from cemops.probe.tls import inner_context
from cemops.probe.visit import Outcome, Step
from tests.functional.probe_bench import Estate, self_signed
from tests.functional.probe_gateway import (
    Gateway,
    Planted,
    Servers,
    gateway_running,
    servers_running,
    with_session_cache,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.pki.keyed_certificate import KeyedCertificate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate()


@pytest.fixture(scope="module")
def servers(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers_running(estate, tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="module", params=[("1.2",), ("1.3",), ("1.2", "1.3")], ids="+".join)
def gateway(estate: Estate, servers: Servers, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    with gateway_running(estate, servers.all, Planted(tls=request.param)) as running:
        yield running


def agent(gateway: Gateway, estate: Estate, credential: KeyedCertificate | None, **other: object) -> Agent:
    settings = {"sni": gateway.fqdn, "thumbprint": estate.thumbprint, "timeout": 5.0} | other
    return Agent(gateway.dial(), credential=credential, **settings)  # type: ignore[arg-type]  # a test's shorthand


def test_the_good_agent_gets_through_to_the_inner_server(gateway: Gateway, estate: Estate, servers: Servers) -> None:
    inner = InnerTls(servers.ns1.host, inner_context([estate.server_root.pem]))
    visit, stream = agent(gateway, estate, estate.agent).hold(str(servers.ns1), inner=inner)
    assert stream is not None, visit
    stream.send(b"hello")
    assert stream.recv(100) == b"hello"
    stream.close()
    assert visit.outcome is Outcome.OPENED
    assert visit.presented is not None
    assert visit.presented.sha256 == estate.gateway.facts.sha256
    assert set(visit.milliseconds) == set(Step)
    assert not visit.session_reused


@pytest.mark.parametrize(
    ("who", "alerts"),
    [
        (None, {"certificate required", "handshake failure"}),
        ("unknown", {"unknown ca"}),
        ("revoked", {"certificate revoked"}),
        ("expired", {"certificate expired"}),
    ],
)
def test_a_refused_certificate_is_a_tls_alert(
    gateway: Gateway, estate: Estate, servers: Servers, who: str | None, alerts: set[str]
) -> None:
    visit = agent(gateway, estate, getattr(estate, who) if who else None).connect(str(servers.ns1))
    assert visit.outcome is Outcome.TLS_ALERT, visit
    assert visit.alert in alerts
    assert visit.detail == f"refused with the TLS alert '{visit.alert}'"
    assert visit.presented is not None
    assert visit.presented.matches(estate.thumbprint)


@pytest.mark.parametrize("who", [None, "agent", "revoked"])
def test_a_wrong_thumbprint_ends_the_visit_before_anything_is_sent(
    gateway: Gateway, estate: Estate, servers: Servers, who: str | None
) -> None:
    other = self_signed("other.example").facts.sha256
    visit = agent(gateway, estate, getattr(estate, who) if who else None, thumbprint=other).connect(str(servers.ns1))
    assert visit.outcome is Outcome.THUMBPRINT_MISMATCH
    assert visit.detail == (f"the certificate presented has the thumbprint {estate.gateway.facts.sha256}, not {other}")
    assert Step.REQUEST not in visit.milliseconds


def test_an_unlisted_host_is_refused_with_403(gateway: Gateway, estate: Estate, servers: Servers) -> None:
    visit = agent(gateway, estate, estate.agent).connect(f"unlisted.invalid:{servers.ns1.port}")
    assert (visit.outcome, visit.status) == (Outcome.REFUSED_BY_PROXY, 403)
    assert visit.detail == "the gateway answered 403 Forbidden"


def test_an_inner_certificate_of_another_name_is_not_trusted(
    gateway: Gateway, estate: Estate, servers: Servers
) -> None:
    inner = InnerTls("other.corp.example", inner_context([estate.server_root.pem]))
    visit = agent(gateway, estate, estate.agent).connect(str(servers.ps1), inner=inner)
    assert (visit.outcome, visit.step) == (Outcome.NOT_TRUSTED, Step.INNER_TLS)
    assert "other.corp.example" in visit.detail


def test_an_inner_certificate_of_another_authority_is_not_trusted(
    gateway: Gateway, estate: Estate, servers: Servers
) -> None:
    inner = InnerTls(servers.ps1.host, inner_context([estate.stranger.pem]))
    visit = agent(gateway, estate, estate.agent).connect(str(servers.ps1), inner=inner)
    assert visit.outcome is Outcome.NOT_TRUSTED


def test_check_opens_proves_a_good_gateway(gateway: Gateway, estate: Estate, servers: Servers) -> None:
    result = check_opens(
        gateway.dial(),
        sni=gateway.fqdn,
        expected_thumbprint=estate.thumbprint,
        agent=estate.agent,
        targets=[str(one) for one in servers.all],
        timeout=5,
    )
    assert (result.ok, result.proven, result.faults) == (True, True, ()), result
    assert [one.opened for one in result.targets] == [True, True, True]


def test_check_opens_without_an_agent_is_ok_but_proves_nothing(
    gateway: Gateway, estate: Estate, servers: Servers
) -> None:
    result = check_opens(
        gateway.dial(),
        sni=gateway.fqdn,
        expected_thumbprint=estate.gateway.facts.sha256,
        agent=None,
        targets=[str(servers.ns1)],
        timeout=5,
    )
    assert (result.ok, result.proven, result.faults) == (True, False, ())


def test_check_opens_condemns_a_gateway_that_refuses_the_agent(
    gateway: Gateway, estate: Estate, servers: Servers
) -> None:
    result = check_opens(
        gateway.dial(),
        sni=gateway.fqdn,
        expected_thumbprint=estate.thumbprint,
        agent=estate.revoked,
        targets=[str(servers.ns1)],
        timeout=5,
    )
    assert (result.ok, result.proven) == (False, False)
    assert result.faults == (f"{servers.ns1}: refused with the TLS alert 'certificate revoked'",)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("cached", [False, True], ids=["our configuration", "with a session cache"])
def test_a_session_is_resumed_only_where_httpd_keeps_sessions(
    estate: Estate, servers: Servers, version: str, cached: bool
) -> None:
    planted = Planted(change=with_session_cache) if cached else Planted()
    with gateway_running(estate, servers.all, planted) as gateway:
        one = agent(gateway, estate, estate.agent, version=version)
        first = one.connect(str(servers.ns1))
        second = one.connect(str(servers.ns1), session=first.session)
    assert (first.tls_version, second.tls_version) == (version, version)
    assert (first.opened, second.opened) == (True, True)
    assert (first.session_reused, second.session_reused) == (False, cached)
