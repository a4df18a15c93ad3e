from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cemops.model.estate import Estate
from cemops.model.topology import gateway
from cemops.planning.lockout import (
    ALONE,
    Surroundings,
    cut_off_by_policies,
    cut_off_by_release,
    cut_off_by_trust,
    surroundings,
)
from cemops.planning.revocation import LiveTrust
from tests.unit.planning.gateway_situations import certificate, crl, material
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def configuration(port: int, *targets: str) -> str:
    listed = "".join(f'<ProxyMatch "(?i)^{target.replace(".", "[.]")}$">\n' for target in targets)
    return f"Listen 127.0.0.1:{port} https\n{listed}"


NS1, NS2, PS1 = "ns1.corp.example:4726", "ns2.corp.example:4726", "ps1.corp.example:4726"


def lines(live: str | None, desired: str | None, around: Surroundings = ALONE) -> list[str]:
    return list(cut_off_by_release("gw1", live, desired, around))


def test_a_notification_server_to_which_no_gateway_leads_any_more_is_a_line() -> None:
    (line,) = lines(configuration(443, NS1, NS2), configuration(443, NS1))

    assert line.startswith("gw1: ")
    assert NS2 in line


def test_a_server_that_another_gateway_lists_is_not_lost() -> None:
    around = Surroundings(elsewhere=frozenset({NS2}))

    assert lines(configuration(443, NS1, NS2), configuration(443, NS1), around) == []


def test_a_site_server_that_leaves_the_list_is_no_lockout() -> None:
    around = Surroundings(site_servers=frozenset({PS1}))

    assert lines(configuration(443, NS1, PS1), configuration(443, NS1), around) == []


def test_a_port_that_closes_is_a_line() -> None:
    (line,) = lines(configuration(443, NS1), configuration(8443, NS1))

    assert "port 443" in line


def test_a_gateway_that_serves_nothing_yet_takes_nothing_away() -> None:
    assert lines(None, configuration(443, NS1)) == []
    assert lines(configuration(443, NS1), None) == []


def test_a_ca_that_leaves_the_bundle_is_a_line_for_its_agents() -> None:
    former = replace(certificate("D"), subject="CN=Former", is_ca=True)
    live = LiveTrust(authorities=(former,))

    (line,) = cut_off_by_trust("gw1", (material("C"),), live, ALONE)

    assert "CN=Former" in line


def test_a_crl_that_expires_before_the_next_window_is_a_line() -> None:
    wanted = material("C", crl=replace(crl("C"), next_update=NOW + timedelta(days=3)))
    soon = Surroundings(next_window=NOW + timedelta(days=2))
    late = Surroundings(next_window=NOW + timedelta(days=6))

    assert list(cut_off_by_trust("gw1", (wanted,), LiveTrust(), soon)) == []
    assert list(cut_off_by_trust("gw1", (wanted,), LiveTrust(), ALONE)) == []
    (line,) = cut_off_by_trust("gw1", (wanted,), LiveTrust(), late)
    assert "until the next change window" in line


def test_the_estate_says_what_other_gateways_list_and_which_servers_are_site_servers() -> None:
    estate = Estate.model_validate(sample_data())
    around = surroundings(estate, gateway(estate, "gw1"), NOW)

    assert any(target.startswith("ns1.") for target in around.elsewhere)
    assert any(target.startswith("ps1.") for target in around.site_servers)
    assert not any(target.startswith("ns1.") for target in around.site_servers)
    assert around.next_window is None


LAPTOPS: dict[str, object] = {"name": "Laptops", "notification_server": "ns1", "gateways": ["gw1"]}


def with_policies(*policies: dict[str, object]) -> Estate:
    return Estate.model_validate({**sample_data(), "policies": list(policies)})


def test_agents_know_only_the_gateways_of_their_policies() -> None:
    estate = with_policies(LAPTOPS, {**LAPTOPS, "name": "Others", "gateways": ["gw2"]})

    around = surroundings(estate, gateway(estate, "gw1"), NOW)

    assert around.elsewhere == frozenset()


def test_what_the_other_gateways_of_only_one_of_its_policies_list_is_not_elsewhere_for_all_agents() -> None:
    both = {**LAPTOPS, "name": "Both", "gateways": ["gw1", "gw2"]}
    estate = with_policies(both)
    shared = surroundings(estate, gateway(estate, "gw1"), NOW).elsewhere
    mixed = with_policies(both, LAPTOPS)

    assert any(target.startswith("ns1.") for target in shared)
    assert surroundings(mixed, gateway(mixed, "gw1"), NOW).elsewhere == frozenset()


def test_a_policy_that_loses_its_last_gateway_is_a_line() -> None:
    (line,) = cut_off_by_policies("gw1", with_policies(LAPTOPS), with_policies({**LAPTOPS, "gateways": []}))

    assert line.startswith("gw1: agents of the policy Laptops (ns1) have no gateway any more")


def test_a_policy_that_has_another_gateway_now_is_no_line() -> None:
    moved = with_policies({**LAPTOPS, "gateways": ["gw2"]})

    assert list(cut_off_by_policies("gw1", with_policies(LAPTOPS), moved)) == []


def test_a_policy_that_is_gone_or_disabled_cuts_nobody_off() -> None:
    disabled = with_policies({**LAPTOPS, "gateways": [], "enabled": False})

    assert list(cut_off_by_policies("gw1", with_policies(LAPTOPS), disabled)) == []
    assert list(cut_off_by_policies("gw1", with_policies(LAPTOPS), with_policies())) == []


def test_a_gateway_that_was_not_of_the_policy_is_not_named() -> None:
    assert list(cut_off_by_policies("gw2", with_policies(LAPTOPS), with_policies({**LAPTOPS, "gateways": []}))) == []
