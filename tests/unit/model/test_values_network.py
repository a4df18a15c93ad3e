from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cemops.model import values


def read(value_type: Any, value: object) -> Any:
    return TypeAdapter(value_type).validate_python(value)


def refusal(value_type: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(value_type, value)
    return str(caught.value.errors()[0]["ctx"]["error"])


@given(st.integers(1, 65535))
def test_every_tcp_port_is_a_port(port: int) -> None:
    assert read(values.Port, port) == port


@pytest.mark.parametrize("value", [0, -1, 65536, 10**30, True, False, "443", "0x1F", 443.0, None, [443]])
def test_what_is_no_tcp_port_is_refused(value: object) -> None:
    assert "1 to 65535" in refusal(values.Port, value)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("NS1.Corp.Example", "ns1.corp.example"),
        ("a.b", "a.b"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("1.example", "1.example"),
        (".".join(["a" * 63] * 3) + "." + "b" * 61, ".".join(["a" * 63] * 3) + "." + "b" * 61),
    ],
)
def test_a_full_name_is_stored_in_lower_case(written: str, stored: str) -> None:
    assert read(values.Fqdn, written) == stored


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("ns1", "ns1.corp.example"),
        ("ns1.corp.example.", "without the last dot"),
        ("10.20.0.10", "is an IP address"),
        ("2001:db8::1", "is an IP address"),
        ("[2001:db8::1]", "is an IP address"),
        ("ns_1.corp.example", "underscore"),
        ("-ns1.corp.example", "hyphen"),
        ("ns1-.corp.example", "hyphen"),
        ("ns1..example", "empty part"),
        (".example", "empty part"),
        ("a" * 64 + ".example", "64 characters between dots"),
        (".".join(["a" * 63] * 4), "at most 253"),
        ("10.20.0.300", "ends in a number"),
        ("*.corp.example", "no *"),
        ("ns1.corp.example:443", "no port"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("straße.example", "as DNS has it"),
        ("ns1。example", "outside ASCII"),
        ("ns1.corp.example\u200e", "outside ASCII"),
        ("", "empty"),
        (None, "no value"),
        (8.6, "number"),
        (True, "true or false"),
    ],
)
def test_a_refused_name_says_what_to_write(written: object, says: str) -> None:
    assert says in refusal(values.Fqdn, written)


def test_agents_may_say_one_label() -> None:
    assert read(values.ServerName, "NS1") == "ns1"


@pytest.mark.parametrize("written", ["10.20.0.10", "ns1.", "443", "-x"])
def test_a_server_name_is_a_host_name(written: str) -> None:
    refusal(values.ServerName, written)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("203.0.113.11", "203.0.113.11"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::1", "::1"),
    ],
)
def test_an_address_is_stored_in_its_shortest_spelling(written: str, stored: str) -> None:
    assert read(values.IpAddress, written) == stored
    assert read(values.HostAddress, written) == stored
    assert read(values.ListenAddress, written) == stored


@pytest.mark.parametrize("written", ["010.0.0.1", "10.0.0", "10.0.0.0/24", "fe80::1%eth0", "ns1", "1", "*"])
def test_what_is_no_address_is_refused(written: str) -> None:
    refusal(values.IpAddress, written)


def test_a_gateway_may_listen_on_every_address() -> None:
    assert read(values.ListenAddress, "*") == "*"


@pytest.mark.parametrize("written", ["0.0.0.0/0", "all", "**", "gw1.example", 0])
def test_a_gateway_listens_on_addresses_only(written: object) -> None:
    refusal(values.ListenAddress, written)


@pytest.mark.parametrize(("written", "stored"), [("PS1.corp.example", "ps1.corp.example"), ("ps1", "ps1")])
def test_a_machine_may_be_reached_by_name(written: str, stored: str) -> None:
    assert read(values.HostAddress, written) == stored


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("10.20.9.0/24", "10.20.9.0/24"),
        ("10.20.9.1", "10.20.9.1/32"),
        ("2001:DB8::/48", "2001:db8::/48"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_network_is_stored_with_its_prefix(written: str, stored: str) -> None:
    assert read(values.IpNetwork, written) == stored


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("10.20.9.1/24", "write the network, 10.20.9.0/24, or the host, 10.20.9.1"),
        ("10.20.9.0/255.255.255.0", "prefix length"),
        ("10.20.9.0/33", "not an IP network"),
        ("10.20.9.0/", "prefix length"),
        ("fe80::%eth0/64", "zone"),
        ("lan", "not an IP network"),
    ],
)
def test_a_refused_network_says_what_to_write(written: str, says: str) -> None:
    assert says in refusal(values.IpNetwork, written)
