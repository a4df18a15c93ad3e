"""Firewall rules as the registry keeps them, over several versions of the format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.execution.windows_state.errors import DamagedEntryError
from cemops.execution.windows_state.firewall_rules import firewall_rule
from cemops.model.windows_observed import FirewallRule
from tests.unit.execution.windows_state.windows_cases import observed

RULES = {rule.name: rule for rule in observed("notification-server").firewall_rules}


def test_an_own_rule_is_read_in_full() -> None:
    assert RULES["cemops-agent-site"] == FirewallRule(
        name="cemops-agent-site",
        enabled=True,
        direction="Inbound",
        action="Allow",
        protocol="TCP",
        local_ports=("4726",),
        remote_addresses=("203.0.113.11", "203.0.113.12"),
        display="cemops: agent site",
        group="cemops",
    )


def test_repeated_fields_of_every_version_are_collected() -> None:
    rule = RULES["{0B7C3F0E-0001-4C1B-9D6B-1D0C2B3A4F50}"]
    assert (rule.enabled, rule.action, rule.protocol) == (False, "Block", "UDP")
    assert rule.local_ports == ("5000-5010", "RPC")
    assert rule.remote_addresses == ("10.0.0.0/8", "LocalSubnet", "IntErnet")
    assert rule.profiles == ("Domain", "Private")


def test_a_missing_field_has_the_meaning_that_windows_gives_it() -> None:
    rule = RULES["all-out"]
    assert (rule.direction, rule.protocol, rule.local_ports, rule.remote_addresses) == ("Outbound", "any", (), ())
    assert rule.profiles == (), "all three profiles are any"
    assert not firewall_rule("r", "v2.10|Action=Allow|Dir=In|").enabled


def test_programs_services_and_what_narrows_a_rule_are_kept() -> None:
    assert RULES["RemoteDesktop-UserMode-In-TCP"].service == "termservice"
    assert RULES["RemoteDesktop-UserMode-In-TCP"].program == "%SystemRoot%\\system32\\svchost.exe"
    assert RULES["narrow"].conditions == ("rport=1024", "la4=10.20.0.10", "security=Authenticate")
    assert RULES["ping"].protocol == "1"


def test_rules_of_a_group_policy_are_flagged() -> None:
    assert [(rule.display, rule.remote_addresses) for rule in RULES.values() if rule.policy] == [
        ("WinRM by policy", ("10.20.9.0/24",))
    ]


def test_damaged_rules_are_sentences_and_leave_the_others_readable() -> None:
    sentences = [s for s in observed("notification-server").unreadable if "firewall rule" in s]
    assert len(RULES) == 8
    assert {s.split(":", maxsplit=1)[0] for s in sentences} == {
        "the firewall rule no-direction has no direction",
        "the firewall rule cut has 'LPo', which is no field",
        "the firewall rule number is no text",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "version"),
        ("Action=Allow|", "version"),
        ("v2.30|Dir=In|", "has no action"),
        ("v2.30|Action=Perhaps|Dir=In|", "'Perhaps'"),
        ("v2.30|Action=Allow|Action=Block|Dir=In|", "action 2 times"),
        ("v2.30|Action=Allow|Dir=In|Protocol=tcp|", "protocol 'tcp'"),
        (None, "no text"),
    ],
)
def test_what_is_no_rule_is_refused(text: object, words: str) -> None:
    with pytest.raises(DamagedEntryError, match=words):
        firewall_rule("r", text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("10.1.2.3/255.255.255.255", "10.1.2.3"),
        ("10.1.2.3-10.1.2.3", "10.1.2.3"),
        ("10.1.2.3-10.1.2.9", "10.1.2.3-10.1.2.9"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("LocalSubnet", "LocalSubnet"),
    ],
)
def test_an_address_has_one_spelling(written: str, read: str) -> None:
    assert firewall_rule("r", f"v2.30|Action=Allow|Dir=In|RA4={written}|").remote_addresses == (read,)


PORTS = st.integers(1, 65535).map(str)


@given(
    enabled=st.booleans(),
    inbound=st.booleans(),
    allow=st.booleans(),
    protocol=st.sampled_from([("6", "TCP"), ("17", "UDP"), ("58", "58")]),
    ports=st.lists(PORTS, max_size=4, unique=True),
    networks=st.lists(st.ip_addresses(v=4), max_size=4, unique=True),
    display=st.text(st.characters(exclude_characters="|", exclude_categories=["C"]), max_size=20),
    version=st.sampled_from(["2.0", "2.10", "2.29", "2.33"]),
)
def test_a_rule_as_windows_writes_it_is_read_back(
    *,
    enabled: bool,
    inbound: bool,
    allow: bool,
    protocol: tuple[str, str],
    ports: list[str],
    networks: list[object],
    display: str,
    version: str,
) -> None:
    addresses = [str(network) for network in networks]
    fields = [
        f"v{version}",
        f"Action={'Allow' if allow else 'Block'}",
        f"Active={str(enabled).upper()}",
        f"Dir={'In' if inbound else 'Out'}",
        f"Protocol={protocol[0]}",
        *(f"LPort={port}" for port in ports),
        *(f"RA4={address}" for address in addresses),
        f"Name={display}",
        "EmbedCtxt=cemops",
        "",
    ]
    assert firewall_rule("cemops-x", "|".join(fields)) == FirewallRule(
        "cemops-x",
        enabled,
        "Inbound" if inbound else "Outbound",
        "Allow" if allow else "Block",
        protocol[1],
        tuple(ports),
        tuple(addresses),
        display,
        "cemops",
    )
