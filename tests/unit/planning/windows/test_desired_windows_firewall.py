"""What a Windows machine's firewall must let in, from the estate: nothing that is not declared."""

from __future__ import annotations

from typing import Any

import pytest

from cemops.model.topology import UnknownNameError
from cemops.planning.windows.desired_firewall import (
    TICKLE_PORTS,
    DesiredRule,
    DesiredWindowsFirewall,
    desired_windows_firewall,
)
from tests.unit.sample_estate import sample_estate

WINRM: dict[str, Any] = {"transport": "winrm", "address": "10.20.0.10", "credential": "ns-admin"}
MANAGED: dict[str, Any] = {
    "notification_servers.0.connection": WINRM,
    "notification_servers.0.firewall": {"manage": True},
    "site_servers.0.connection": WINRM | {"address": "10.20.0.21"},
    "site_servers.0.firewall": {"manage": True},
    "gateways.1.platform": "windows",
    "gateways.1.connection": WINRM | {"address": "203.0.113.12"},
    "gateways.1.firewall": {"manage": True, "admin_sources": ["10.20.9.0/24"]},
}
GATEWAYS = ("203.0.113.11", "203.0.113.12")


def desired(name: str, **changes: Any) -> DesiredWindowsFirewall:
    changed = {path.replace("__", "."): value for path, value in changes.items()}
    return desired_windows_firewall(sample_estate(MANAGED | changed), name)


def ports(firewall: DesiredWindowsFirewall) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {rule.name: (rule.port, rule.sources) for rule in firewall.rules}


def test_a_notification_server_lets_gateways_to_the_agent_site_and_the_inside_to_the_console() -> None:
    firewall = desired("ns1", notification_servers__0__agent_site={"port": 4800})
    assert ports(firewall) == {
        "cemops-agent-site": (4800, GATEWAYS),
        "cemops-console": (443, ()),
        "cemops-admin": (5986, ()),
    }
    assert [rule.fact for rule in firewall.rules] == ["PT-02", "PT-04", "PT-08"]
    assert firewall.tolerated == (TICKLE_PORTS,)
    assert firewall.management_port == 5986


def test_plain_http_is_open_only_where_https_is_not_required() -> None:
    firewall = desired("ns1", notification_servers__0__console_site={"require_https": False})
    assert ports(firewall)["cemops-http"] == (80, ())


def test_a_site_server_has_its_effective_ports() -> None:
    web = {"enabled": True, "http": {"enabled": False}, "https": {"port": 444}, "cem": {"port": 47260}}
    firewall = desired("ps1", site_servers__0__overrides={"web": web})
    assert ports(firewall) == {
        "cemops-cem": (47260, GATEWAYS),
        "cemops-https": (444, ()),
        "cemops-admin": (5986, ()),
    }


def test_declared_services_and_codebases_are_tolerated_but_not_opened() -> None:
    firewall = desired(
        "ps1",
        site_servers__0__services=["package", "task"],
        site_servers__0__package_service={"codebases": ["unc", "https"]},
    )
    assert firewall.tolerated == (TICKLE_PORTS, (445, 445))
    assert not {445, 50120} & {rule.port for rule in firewall.rules}


def test_a_server_that_no_gateway_lists_opens_its_agent_port_to_nobody() -> None:
    firewall = desired(
        "ns1",
        gateways__0__servers=[{"site_server": "ps1"}],
        gateways__1__servers=[{"site_server": "ps1"}],
    )
    assert "cemops-agent-site" not in ports(firewall)


def test_tunnels_come_from_the_inside_addresses_where_those_are_declared() -> None:
    firewall = desired("ns1", gateways__0__inside_addresses=["10.9.0.5", "10.9.0.4"])
    assert ports(firewall)["cemops-agent-site"][1] == ("10.9.0.4", "10.9.0.5", "203.0.113.12")


def test_a_gateway_without_a_known_address_is_a_problem_with_its_repair() -> None:
    firewall = desired("ns1", gateways__0__connection__address="gw1.dmz.example")
    (problem,) = firewall.problems
    assert "gateway gw1" in problem
    assert "inside_addresses" in problem


def test_a_windows_gateway_is_open_to_agents_and_to_its_administrators() -> None:
    firewall = desired("gw2", gateways__1__listen={"port": 8443})
    assert ports(firewall) == {"cemops-gateway": (8443, ()), "cemops-admin": (5986, ("10.20.9.0/24",))}


def test_a_gateway_without_admin_sources_keeps_its_administration_as_it_is_and_says_so() -> None:
    firewall = desired("gw2", gateways__1__firewall={"manage": True})
    assert "cemops-admin" not in ports(firewall)
    assert firewall.tolerated == ((5986, 5986),)
    assert [warning.code for warning in firewall.warnings] == ["no-admin-sources"]


def test_the_administration_port_is_the_connections_unless_declared() -> None:
    assert ports(desired("ns1", notification_servers__0__connection__port=15986))["cemops-admin"] == (15986, ())
    firewall = desired("ns1", notification_servers__0__firewall={"manage": True, "admin_port": 22})
    assert ports(firewall)["cemops-admin"] == (22, ())


def flow(source: dict[str, str], to: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"from": source, "to": to, "reason": "monitoring"} | more


def test_declared_flows_that_end_here_are_one_rule_for_each_port() -> None:
    firewall = desired(
        "ns1",
        perimeter__flows=[
            flow({"network": "10.30.0.0/16"}, {"notification_server": "ns1"}, port=9182),
            flow({"site_server": "ps1"}, {"notification_server": "ns1"}, port=9182),
            flow({"gateway": "gw1"}, {"network": "10.20.0.0/24"}, port=514, reason="log forwarding"),
            flow({"network": "10.30.0.0/16"}, {"gateway": "gw1"}, port=9999),
            flow({"network": "10.30.0.0/16"}, {"network": "10.20.0.0/24"}),
            flow({"network": "10.30.0.0/16"}, {"notification_server": "ns1"}),
            flow({"gateway": "gw1"}, {"notification_server": "ns1"}),
        ],
    )
    further = [rule for rule in firewall.rules if rule.name.startswith("cemops-flow-")]
    assert further == [
        DesiredRule("cemops-flow-514", "declared: log forwarding", 514, "PT-08", ("203.0.113.11",)),
        DesiredRule("cemops-flow-9182", "declared: monitoring", 9182, "PT-08", ("10.20.0.21", "10.30.0.0/16")),
    ]


def test_a_flow_widens_a_port_that_is_open_to_others() -> None:
    firewall = desired("ps1", perimeter__flows=[flow({"network": "10.30.0.0/16"}, {"site_server": "ps1"}, port=4726)])
    assert ports(firewall)["cemops-flow-4726"] == (4726, ("10.30.0.0/16",))


def test_a_flow_from_a_machine_without_an_address_is_a_problem() -> None:
    firewall = desired(
        "ns1", perimeter__flows=[flow({"site_server": "ps2"}, {"notification_server": "ns1"}, port=9182)]
    )
    assert "ps2" in firewall.problems[0]
    assert "network" in firewall.problems[0]


def test_without_manage_nothing_is_wanted() -> None:
    firewall = desired("ns1", notification_servers__0__firewall={}, gateways__0__connection__address="gw1.example")
    assert (firewall.manage, firewall.rules, firewall.problems) == (False, (), ())


@pytest.mark.parametrize("name", ["gw1", "nobody"])
def test_a_linux_gateway_or_an_unknown_name_is_no_windows_machine(name: str) -> None:
    with pytest.raises(UnknownNameError, match=name):
        desired(name)
