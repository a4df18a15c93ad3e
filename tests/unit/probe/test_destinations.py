"""Which destinations lie close enough to the allow-list to be worth a check."""

from __future__ import annotations

import pytest

from cemops.probe.destinations import cross_pairs, ip_addresses, port_prefixes, unlisted_hosts, unlisted_ports
from cemops.probe.subject import Missing, ProbeTarget


def target(host: str, port: int, *, canonical: bool = True, address: str | None = None) -> ProbeTarget:
    return ProbeTarget(host, port, canonical, "ns1", address=address)


LAB = (
    target("ns1.corp", 4726),
    target("ns1", 4726, canonical=False),
    target("ps1.corp", 4726),
    target("ps2.corp", 47260),
)


def test_unlisted_hosts_are_a_foreign_name_and_three_close_ones() -> None:
    assert unlisted_hosts(LAB) == (
        "cemops-unlisted.invalid:4726",
        "xns1.corp:4726",
        "ns1-corp:4726",
        "ns1.corp.:4726",
    )


def test_a_close_name_that_is_listed_is_left_out() -> None:
    assert unlisted_hosts((target("ns1", 1), target("xns1", 1))) == ("cemops-unlisted.invalid:1", "ns1.:1")


def test_unlisted_ports_are_never_listed_ones() -> None:
    assert unlisted_ports((target("a", 443), target("b", 22))) == ("a:3389", "a:445")
    assert unlisted_ports(LAB) == ("ns1.corp:443", "ns1.corp:22")


def test_cross_pairs_leave_prefixes_to_their_own_check() -> None:
    assert cross_pairs(LAB) == ("ps2.corp:4726",)


def test_without_different_ports_there_is_no_pair_to_cross() -> None:
    assert isinstance(cross_pairs((target("a", 4726), target("b", 4726))), Missing)


def test_a_host_listed_with_both_ports_is_no_cross_pair() -> None:
    both = (target("a", 4726), target("a", 8443), target("b", 8443))
    assert cross_pairs(both) == ("b:4726",)


def test_the_prefix_check_prefers_a_port_that_another_entry_lists() -> None:
    assert port_prefixes(LAB) == ("ns1.corp:47260", "ps1.corp:47260")


def test_the_prefix_check_appends_a_digit_where_no_such_port_is_listed() -> None:
    assert port_prefixes((target("a", 4726), target("b", 443))) == ("a:47260",)


def test_the_prefix_check_skips_ports_that_would_be_too_high() -> None:
    assert port_prefixes((target("a", 8443), target("b", 443))) == ("b:4430",)
    assert isinstance(port_prefixes((target("a", 8443),)), Missing)


def test_a_host_that_lists_the_long_port_itself_is_no_prefix_case() -> None:
    assert port_prefixes((target("a", 4726), target("a", 47260))) == ("a:47261",)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, ("192.0.2.1:4726", "127.0.0.1:4726")),
        ("10.20.0.10", ("10.20.0.10:4726", "127.0.0.1:4726")),
        ("fd00::1", ("[fd00::1]:4726", "127.0.0.1:4726")),
        ("127.0.0.1", ("127.0.0.1:4726",)),
    ],
)
def test_ip_addresses_are_the_servers_own_and_loopback(address: str | None, expected: tuple[str, ...]) -> None:
    assert ip_addresses((target("ns1.corp", 4726, address=address),)) == expected
