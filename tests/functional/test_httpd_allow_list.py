"""What may be tunnelled, and what answers everything else: ENGINEERING.md, surprises 1, 2 and 9, ProxyBlock."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from cemops.rendering.gateway_httpd import ADDRESSES_OF_THE_MACHINE_ITSELF
from tests.functional.gateway_backends import EchoServer
from tests.functional.gateway_httpd import NS1, PS2, GatewayHttpd, Listed, replaced
from tests.functional.gateway_pki import pem

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

OUR_FORM = '<ProxyMatch "(?i)^ns1[.]corp[.]example:4726$">'
END = "</ProxyMatch>"
LISTED_WITH_FOREIGN_PORT = "ns1.corp.example:47260"


@pytest.fixture
def gateway() -> Iterator[GatewayHttpd]:
    with GatewayHttpd() as started:
        yield started


@pytest.fixture(scope="module")
def shared() -> Iterator[GatewayHttpd]:
    with GatewayHttpd() as started:
        yield started.start()


def connect(gateway: GatewayHttpd, target: str) -> int:
    with gateway.dial(gateway.agent) as outer:
        return outer.connect(target)


def as_plain_proxy_section(text: str) -> str:
    """The wrong form of ns1's entry: ``<Proxy "host:port">``."""
    before, after = text.split(OUR_FORM)
    return before + '<Proxy "ns1.corp.example:4726">' + after.replace(END, "</Proxy>", 1)


def test_listed_servers_are_tunnelled(shared: GatewayHttpd) -> None:
    with shared.dial(shared.agent) as outer:
        assert outer.connect(NS1) == 200
        assert outer.echo(b"through the gateway") == b"through the gateway"


def test_inner_tls_reaches_the_server_itself(shared: GatewayHttpd) -> None:
    with shared.dial(shared.agent) as outer:
        assert outer.connect(PS2) == 200
        root = pem(shared.backends.authority.certificate)
        assert outer.inner_echo("ps2.corp.example", root, b"end to end") == b"end to end"


def test_surprise_1_a_proxy_section_opens_longer_ports_and_minds_case(gateway: GatewayHttpd) -> None:
    gateway.start(as_plain_proxy_section(gateway.render()))
    assert connect(gateway, NS1) == 200
    assert connect(gateway, LISTED_WITH_FOREIGN_PORT) == 200  # the hole
    assert connect(gateway, "NS1.corp.example:4726") == 403  # an agent that spells it so is lost


def test_surprise_1_an_anchored_match_opens_one_port_in_any_case(shared: GatewayHttpd) -> None:
    assert connect(shared, NS1) == 200
    assert connect(shared, LISTED_WITH_FOREIGN_PORT) == 403
    assert connect(shared, "NS1.Corp.EXAMPLE:4726") == 200


SECOND_VIRTUAL_HOST = """
<VirtualHost {address}>
    ServerName ns1.corp.example
    SSLEngine on
    SSLCertificateFile "{root}/tls.crt"
    SSLCertificateKeyFile "{root}/tls.key"
    ProxyRequests On
    AllowCONNECT 4726
    {rules}
</VirtualHost>
"""


def second_virtual_host(gateway: GatewayHttpd, rules: str = "") -> str:
    address = f"127.0.0.1:{gateway.port}"
    return gateway.render() + SECOND_VIRTUAL_HOST.format(address=address, root=gateway.folder, rules=rules)


def test_surprise_2_a_second_virtual_host_lets_in_whoever_has_no_certificate(gateway: GatewayHttpd) -> None:
    gateway.start(second_virtual_host(gateway))
    with gateway.dial(None, sni="ns1.corp.example") as outer:
        assert outer.connect(NS1) == 200


def test_surprise_2_the_connect_target_selects_the_virtual_host(gateway: GatewayHttpd) -> None:
    gateway.start(second_virtual_host(gateway, '<Proxy "*">\nRequire all denied\n</Proxy>'))
    assert connect(gateway, NS1) == 403  # though the agent's SNI is the gateway's, where ns1 is listed
    assert connect(gateway, PS2) == 200


@pytest.mark.parametrize("sni", ["ns1.corp.example", "elsewhere.example", None])
def test_surprise_2_no_server_name_is_a_way_around_the_client_certificate(
    shared: GatewayHttpd, sni: str | None
) -> None:
    with pytest.raises(ssl.SSLError), shared.dial(None, sni=sni) as outer:
        outer.connect(NS1)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("unlisted.corp.example:4726", 403, id="unlisted host"),
        pytest.param("ns1.corp.example:443", 403, id="unlisted port"),
        pytest.param(LISTED_WITH_FOREIGN_PORT, 403, id="another entry's port"),
        pytest.param("ps2.corp.example:4726", 403, id="another entry's port, the other way"),
        pytest.param("127.0.0.2:4726", 403, id="address instead of name"),
        pytest.param("[::1]:4726", 403, id="IPv6 address"),
        pytest.param("ns1.corp.example.:4726", 403, id="trailing dot"),
        pytest.param("xns1.corp.example:4726", 403, id="x before a listed name"),
        pytest.param("ns1xcorp.example:4726", 403, id="another sign for a dot"),
        pytest.param("ns1:4726", 403, id="short name that is not listed"),
        pytest.param("ns1.corp.example:47261", 403, id="port with an extra digit"),
        pytest.param("ns1.corp.example:04726", 403, id="port with a leading zero"),
        pytest.param("ns1.corp.example:70262", 403, id="port that wraps round to 4726"),
        pytest.param("ns1%2ecorp.example:4726", 400, id="percent-encoded dot"),
        pytest.param("ns1.corp.example", 400, id="no port"),
        pytest.param("user@ns1.corp.example:4726", 400, id="user information"),
        pytest.param("ns1.corp.example:4726%0a", 400, id="encoded newline"),
        pytest.param("ns1.corp.example:4726/", 400, id="path after the port"),
    ],
)
def test_surprise_9_what_is_not_listed_is_refused(shared: GatewayHttpd, target: str, status: int) -> None:
    assert connect(shared, target) == status


@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param("GET / HTTP/1.1", 403, id="plain get"),
        pytest.param("POST / HTTP/1.1", 403, id="post"),
        pytest.param("GET http://ns1.corp.example:4726/ HTTP/1.1", 403, id="absolute address"),
        pytest.param("GET https://ns1.corp.example:4726/ HTTP/1.1", 403, id="absolute https address"),
        pytest.param("POST http://ns1.corp.example:4726/ HTTP/1.1", 403, id="absolute address, post"),
        pytest.param("TRACE / HTTP/1.1", 405, id="trace"),
        pytest.param("OPTIONS * HTTP/1.1", 200, id="options, which opens nothing"),
    ],
)
def test_surprise_9_other_methods_open_nothing(shared: GatewayHttpd, line: str, status: int) -> None:
    with shared.dial(shared.agent) as outer:
        assert outer.status(f"{line}\r\nHost: gw1.example\r\nContent-Length: 0\r\n\r\n") == status
        assert outer.wait_for_end() == b"" or status != 200


def test_surprise_9_plain_http_on_the_port_is_a_bad_request(shared: GatewayHttpd) -> None:
    with shared.plain() as outer:
        assert outer.status("GET / HTTP/1.1\r\nHost: gw1.example\r\n\r\n") == 400
    with shared.plain() as outer:
        assert outer.request(f"CONNECT {NS1} HTTP/1.1\r\nHost: {NS1}\r\n\r\n") == ""  # closed at once


def test_a_request_line_that_is_too_long_is_refused(shared: GatewayHttpd) -> None:
    assert connect(shared, "n" * 1100 + ":4726") == 414


def test_a_listed_name_that_resolves_to_the_gateway_itself_is_tunnelled_unless_blocked(
    gateway: GatewayHttpd,
) -> None:
    address = gateway.backends.address
    gateway.start(gateway.render(proxy_block=()))
    assert connect(gateway, NS1) == 200
    blocked = gateway.render(proxy_block=("127.0.0.1", address))
    gateway.graceful(replaced(blocked, f"ProxyBlock 127.0.0.1 {address}", "ProxyBlock 127.0.0.0/8"))
    assert connect(gateway, NS1) == 200  # a range blocks nothing
    gateway.graceful(blocked)
    assert connect(gateway, NS1) == 403


@pytest.mark.parametrize(
    ("address", "blocked", "status"),
    [
        ("127.0.0.1", (), 200),
        ("127.0.0.1", ("127.0.0.1",), 403),
        ("::ffff:127.0.0.1", (), 200),
        ("::ffff:127.0.0.1", ("127.0.0.1",), 403),
        ("0.0.0.0", ("127.0.0.1", "::1"), 200),  # noqa: S104 -- dialled: it arrives at this machine all the same
        ("0.0.0.0", ADDRESSES_OF_THE_MACHINE_ITSELF, 403),  # noqa: S104 -- as above
    ],
)
def test_every_spelling_of_the_machine_itself_is_blocked(
    gateway: GatewayHttpd, address: str, blocked: tuple[str, ...], status: int
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = EchoServer(listener)
    port = listener.getsockname()[1]
    try:
        gateway.resolve({"ns1.corp.example": address})
        gateway.start(gateway.render(proxy_block=blocked, targets=(Listed("ns1.corp.example", port),)))
        assert connect(gateway, f"ns1.corp.example:{port}") == status
    finally:
        server.close()


def test_blocked_addresses_leave_the_listed_servers_alone(gateway: GatewayHttpd) -> None:
    gateway.start(gateway.render(proxy_block=ADDRESSES_OF_THE_MACHINE_ITSELF))
    assert connect(gateway, NS1) == 200
