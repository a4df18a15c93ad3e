"""Who is let in: ENGINEERING.md, surprises 3, 4 and 6, and the TLS rows of 9."""

from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from tests.functional.gateway_agent import agent_context
from tests.functional.gateway_httpd import FQDN, NS1, GatewayHttpd, replaced
from tests.functional.gateway_pki import Issued, TestAuthority, pem

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

LEAF = "SSLCARevocationCheck leaf\n"


@pytest.fixture
def gateway() -> Iterator[GatewayHttpd]:
    with GatewayHttpd() as started:
        yield started


@pytest.fixture(scope="module")
def shared() -> Iterator[GatewayHttpd]:
    with GatewayHttpd() as started:
        yield started.start()


def refusal(gateway: GatewayHttpd, credential: Issued | None, version: str = "1.3") -> tuple[str, str]:
    """Where the agent was refused and what OpenSSL calls it; ``("", "")`` where it got its tunnel."""
    try:
        outer = gateway.dial(credential, version=version)
    except ssl.SSLError as error:
        return "handshake", error.reason
    with outer:
        try:
            assert outer.connect(NS1) == 200
        except ssl.SSLError as error:
            return "first read", error.reason
        return "", ""


def is_let_in(gateway: GatewayHttpd, credential: Issued) -> bool:
    return refusal(gateway, credential) == ("", "")


def publish_crl(gateway: GatewayHttpd, text: str) -> None:
    (gateway.release / "client-crl.pem").write_text(text)


CASES = [
    pytest.param("none", "TLSV13_ALERT_CERTIFICATE_REQUIRED", id="no certificate"),
    pytest.param("stranger", "TLSV1_ALERT_UNKNOWN_CA", id="unknown CA"),
    pytest.param("revoked", "SSLV3_ALERT_CERTIFICATE_REVOKED", id="revoked"),
    pytest.param("expired", "SSLV3_ALERT_CERTIFICATE_EXPIRED", id="expired"),
]


@pytest.mark.parametrize(("name", "alert"), CASES)
def test_surprise_3_tls_1_3_refuses_at_the_first_read(shared: GatewayHttpd, name: str, alert: str) -> None:
    assert refusal(shared, getattr(shared, name, None), "1.3") == ("first read", alert)


@pytest.mark.parametrize(("name", "alert"), CASES)
def test_surprise_3_tls_1_2_refuses_in_the_handshake(shared: GatewayHttpd, name: str, alert: str) -> None:
    if name == "none":
        alert = "SSLV3_ALERT_HANDSHAKE_FAILURE"  # TLS 1.2 has no alert of its own for it
    assert refusal(shared, getattr(shared, name, None), "1.2") == ("handshake", alert)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_an_agent_of_a_known_authority_is_let_in(shared: GatewayHttpd, version: str) -> None:
    assert refusal(shared, shared.agent, version) == ("", "")


def test_a_server_certificate_of_a_known_authority_is_no_agent(shared: GatewayHttpd) -> None:
    server = shared.authority.issue("ns1.corp.example", server=True)
    assert refusal(shared, server) == ("first read", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE")


def test_a_version_that_is_not_declared_is_refused(gateway: GatewayHttpd) -> None:
    gateway.start(gateway.render(tls=("1.3",)))
    assert refusal(gateway, gateway.agent, "1.2")[0] == "handshake"
    assert refusal(gateway, gateway.agent, "1.3") == ("", "")


def test_surprise_4_a_thumbprint_compared_in_python_sees_another_certificate(gateway: GatewayHttpd) -> None:
    pinned = hashlib.sha256(gateway.server.certificate.public_bytes(serialization.Encoding.DER)).hexdigest().upper()
    gateway.start()
    with gateway.dial(gateway.agent) as outer:
        assert outer.presented_sha256() == pinned
    swapped = TestAuthority("gateway ca").issue(FQDN, server=True)
    both = swapped.write(gateway.folder)
    text = replaced(gateway.render(), str(gateway.folder / "tls.crt"), str(both))
    gateway.graceful(replaced(text, str(gateway.folder / "tls.key"), str(both)))
    with gateway.dial(gateway.agent) as outer:
        assert outer.presented_sha256() != pinned
        assert outer.connect(NS1) == 200  # nothing else tells the agent


def test_surprise_6_an_expired_crl_shuts_out_every_agent_of_its_ca(gateway: GatewayHttpd) -> None:
    publish_crl(gateway, gateway.authority.crl(until=timedelta(days=-1)))
    gateway.start()
    assert refusal(gateway, gateway.agent) == ("first read", "SSLV3_ALERT_CERTIFICATE_UNKNOWN")
    assert "CRL has expired" in gateway.log("error.log")


def test_surprise_6_an_expired_crl_leaves_the_agents_of_other_authorities_alone(
    gateway: GatewayHttpd,
) -> None:
    other = TestAuthority("ns2 root")
    bundle = pem(gateway.authority.certificate) + pem(other.certificate)
    (gateway.release / "client-ca.pem").write_text(bundle)
    publish_crl(gateway, gateway.authority.crl(until=timedelta(days=-1)) + other.crl())
    gateway.start()
    assert not is_let_in(gateway, gateway.agent)
    assert is_let_in(gateway, other.issue("agent of ns2"))


def test_surprise_6_a_ca_without_a_crl_needs_no_crl_for_cert_ok(gateway: GatewayHttpd) -> None:
    other = TestAuthority("ns2 root")
    bundle = pem(gateway.authority.certificate) + pem(other.certificate)
    (gateway.release / "client-ca.pem").write_text(bundle)
    agent_of_other = other.issue("agent of ns2")
    gateway.start(gateway.render(every_ca_has_crl=True))
    assert is_let_in(gateway, gateway.agent)
    assert not is_let_in(gateway, agent_of_other)  # the wrong form for this bundle
    gateway.graceful(gateway.render(every_ca_has_crl=False))
    assert is_let_in(gateway, agent_of_other)
    assert refusal(gateway, gateway.revoked) == ("first read", "SSLV3_ALERT_CERTIFICATE_REVOKED")


def test_surprise_6_a_lost_crl_with_no_crl_for_cert_ok_lets_the_revoked_in(gateway: GatewayHttpd) -> None:
    publish_crl(gateway, TestAuthority("someone else").crl())
    gateway.start(gateway.render(every_ca_has_crl=False))
    assert is_let_in(gateway, gateway.revoked)


def test_surprise_6_a_lost_crl_without_it_shuts_out_everyone(gateway: GatewayHttpd) -> None:
    publish_crl(gateway, TestAuthority("someone else").crl())
    gateway.start(gateway.render(every_ca_has_crl=True))
    assert not is_let_in(gateway, gateway.agent)
    assert not is_let_in(gateway, gateway.revoked)


def test_without_any_crl_the_revoked_are_let_in(gateway: GatewayHttpd) -> None:
    gateway.start(gateway.render(has_crl=False))
    assert is_let_in(gateway, gateway.revoked)


def test_surprise_6_a_crl_that_is_overwritten_counts_from_the_next_graceful_reload(
    gateway: GatewayHttpd,
) -> None:
    gateway.start()
    assert is_let_in(gateway, gateway.agent)
    publish_crl(gateway, gateway.authority.crl([gateway.revoked, gateway.agent]))
    assert is_let_in(gateway, gateway.agent)
    gateway.graceful()
    assert not is_let_in(gateway, gateway.agent)


class LiveCrlFolder:
    """The wrong form: a folder of hash-named CRLs that counts without a reload, and sessions that can be resumed."""

    def __init__(self, gateway: GatewayHttpd) -> None:
        self.path = gateway.folder / "crls"
        self.path.mkdir()
        self.path.chmod(0o755)
        gateway.folder.chmod(0o755)
        self.gateway = gateway

    def conf(self, *, resumable: bool) -> str:
        text = self.gateway.render(every_ca_has_crl=False)
        old = f'SSLCARevocationFile "{self.gateway.release}/client-crl.pem"'
        text = replaced(text, old, f'SSLCARevocationPath "{self.path}"')
        return replaced(text, "SSLSessionTickets off", "SSLSessionTickets on") if resumable else text

    def publish(self, text: str) -> None:
        crl = self.path / "new.pem"
        crl.write_text(text)
        command = ["openssl", "crl", "-noout", "-hash", "-in", str(crl)]
        name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        os.replace(crl, self.path / f"{name}.r0")  # noqa: PTH105 -- one rename, as an operator's script would do


@pytest.mark.parametrize("resumable", [True, False], ids=["tickets on", "our form"])
def test_surprise_6_a_revoked_agent_resumes_its_session_only_where_tickets_are_on(
    gateway: GatewayHttpd, *, resumable: bool
) -> None:
    folder = LiveCrlFolder(gateway)
    gateway.start(folder.conf(resumable=resumable))
    context = agent_context(gateway.agent.write(gateway.folder), "1.2")
    with gateway.dial(gateway.agent, context=context) as outer:
        assert outer.connect(NS1) == 200
        session = outer.tls.session
    folder.publish(gateway.authority.crl([gateway.agent]))
    assert refusal(gateway, gateway.agent, "1.2") == ("handshake", "SSLV3_ALERT_CERTIFICATE_REVOKED")
    if resumable:
        with gateway.dial(gateway.agent, context=context, session=session) as outer:
            assert outer.tls.session_reused
            assert outer.connect(NS1) == 200
    else:
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_REVOKED"):
            gateway.dial(gateway.agent, context=context, session=session)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_our_form_never_resumes_a_session(shared: GatewayHttpd, version: str) -> None:
    context = agent_context(shared.agent.write(shared.folder), version)
    with shared.dial(shared.agent, context=context) as outer:
        assert outer.connect(NS1) == 200
        session = outer.tls.session
    with shared.dial(shared.agent, context=context, session=session) as again:
        assert again.connect(NS1) == 200
        assert not again.tls.session_reused
