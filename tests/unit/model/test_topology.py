from __future__ import annotations

from typing import Any

import pytest

from cemops.errors import CemopsError
from cemops.model import topology
from cemops.model.hierarchy import below, upwards
from cemops.model.referenced_files import referenced_files
from tests.unit.sample_estate import NS2, NS2_ROOT, sample_estate


def allowed(changes: dict[str, Any]) -> list[str]:
    estate = sample_estate(changes)
    return [str(target) for target in topology.allow_list(estate, estate.gateways[0])]


def test_allow_list_holds_every_name_of_every_server_in_order_of_the_file() -> None:
    changes = {
        "notification_servers.0.agent_site": {"port": 4727, "alternate_fqdn": "agents.corp.example"},
        "gateways.0.servers": [
            {"site_server": "ps2", "also_known_as": ["PS2"]},
            {"notification_server": "ns1", "also_known_as": ["ns1"]},
        ],
    }
    assert allowed(changes) == [
        "ps2.corp.example:4726",
        "ps2:4726",
        "ns1.corp.example:4727",
        "agents.corp.example:4727",
        "smp.corp.example:4727",
        "ns1:4727",
    ]


def test_allow_list_names_nothing_twice() -> None:
    listed = {"notification_server": "ns1", "also_known_as": ["smp.corp.example", "NS1.corp.example"]}
    assert allowed({"gateways.0.servers": [listed]}) == ["ns1.corp.example:4726", "smp.corp.example:4726"]


def test_port_of_a_site_server_comes_from_its_enabled_override() -> None:
    override = {"web": {"enabled": True, "cem": {"port": 47260}}}
    assert "ps2.corp.example:47260" in allowed({"site_servers.1.overrides": override})


def test_port_of_a_site_server_comes_from_the_settings_while_its_override_is_off() -> None:
    changes = {
        "site_servers.1.overrides": {"web": {"cem": {"port": 47260}}},
        "site_server_settings.0.web": {"cem": {"port": 5000}},
    }
    assert "ps2.corp.example:5000" in allowed(changes)


def test_override_replaces_the_whole_section() -> None:
    changes = {
        "site_servers.1.overrides": {"web": {"enabled": True}},
        "site_server_settings.0.web": {"site": "Other", "http": {"enabled": False}},
    }
    estate = sample_estate(changes)
    web = topology.effective_web(estate, estate.site_servers[1])
    assert (web.site, web.http.enabled) == ("Default Web Site", True)


def test_persistent_connection_follows_override_then_settings() -> None:
    changes = {
        "site_server_settings.0.persistent_connection": True,
        "site_servers.1.overrides": {"persistent_connection": {"enabled": True, "persistent_connection": False}},
    }
    estate = sample_estate(changes)
    answers = [topology.effective_persistent_connection(estate, server) for server in estate.site_servers]
    assert answers == [True, False]


def test_canonical_targets_are_one_for_each_server() -> None:
    estate = sample_estate()
    hosts = [target.host for target in topology.canonical_targets(estate, estate.gateways[0])]
    assert hosts == ["ns1.corp.example", "ps1.corp.example", "ps2.corp.example"]


def test_client_authorities_include_the_root_behind_a_listed_site_server() -> None:
    changes = {
        "notification_servers.1": NS2,
        "authorities.ns2-root": NS2_ROOT,
        "site_servers.1.notification_server": "ns2",
        "gateways.0.servers": [{"site_server": "ps2"}, {"notification_server": "ns1"}, {"site_server": "ps1"}],
    }
    estate = sample_estate(changes)
    assert topology.client_authorities(estate, estate.gateways[0]) == ("ns2-root", "ns1-root")


@pytest.mark.parametrize(
    ("public", "address", "dialled", "loopback"),
    [
        (None, "203.0.113.11", "203.0.113.11", False),
        ("198.51.100.1", "10.0.0.1", "198.51.100.1", False),
        ("127.0.0.5", "127.0.0.1", "127.0.0.5", True),
        ("127.0.0.5", "10.0.0.1", "127.0.0.5", False),
        ("203.0.113.11", "127.0.0.1", "203.0.113.11", False),
        (None, "localhost", "localhost", True),
        (None, "gw1.corp.example", "gw1.corp.example", False),
        ("::1", "::1", "::1", True),
    ],
)
def test_gateway_is_dialled_at_its_public_address(
    public: str | None, address: str, dialled: str, loopback: bool
) -> None:
    changes = {"gateways.0.public_address": public, "gateways.0.connection.address": address}
    gateway = sample_estate(changes).gateways[0]
    assert (topology.dial_address(gateway), topology.is_on_loopback(gateway)) == (dialled, loopback)


def test_gateway_without_any_address_cannot_be_dialled() -> None:
    gateway = sample_estate({"gateways.0.connection": None}).gateways[0]
    with pytest.raises(CemopsError, match="add public_address or a connection"):
        topology.dial_address(gateway)


def test_host_groups_name_machines_with_a_connection_by_section() -> None:
    assert topology.host_groups(sample_estate({"gateways.1.connection": None})) == {"gateways": ("gw1",)}


@pytest.mark.parametrize("find", [topology.gateway, topology.notification_server, topology.site_server])
def test_unknown_name_raises_with_the_repair(find: Any) -> None:
    with pytest.raises(CemopsError, match=r"there is no .* zz: declare it in"):
        find(sample_estate(), "zz")


def test_names_are_found() -> None:
    estate = sample_estate()
    assert topology.gateway(estate, "gw2").fqdn == "gw2.example"
    assert topology.notification_server(estate, "ns1").fqdn == "ns1.corp.example"
    assert topology.authority(estate, "dmz-ca").kind == "gateway-ca"
    assert topology.credential(estate, "gw-root").username == "root"
    assert [policy.name for policy in topology.policies_naming(estate, "gw2")] == ["CEM"]
    for find in (topology.authority, topology.credential):
        with pytest.raises(CemopsError, match="there is no"):
            find(estate, "zz")


def test_hierarchy_is_followed_both_ways() -> None:
    ns3 = {"name": "ns3", "fqdn": "ns3.corp.example", "root_authority": "ns2-root", "parent": "ns2"}
    changes = {"notification_servers.1": NS2 | {"parent": "ns1"}, "notification_servers.2": ns3}
    estate = sample_estate(changes | {"authorities.ns2-root": NS2_ROOT})
    assert upwards(estate, "ns3") == ("ns3", "ns2", "ns1")
    assert below(estate, "ns1") == ("ns2", "ns3")


def test_referenced_files_are_those_the_operator_provides() -> None:
    changes = {
        "authorities.ns1-root": {"kind": "ns-root", "source": "external", "certificate": "a.cer", "crl": "a.crl"},
        "credentials.gw-root.private_key_file": "~/.ssh/key",
        "credentials.ns-admin.password": "file:secret.txt",
        "gateways.0.certificate": {"pfx": "gw1.pfx", "password": "env:P"},
        "gateways.1.certificate": {"issued_by": "dmz-ca"},
    }
    assert [written for _, written in referenced_files(sample_estate(changes))] == [
        "~/.ssh/key",
        "a.cer",
        "a.crl",
        "gw1.pfx",
    ]
