from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemops.model.references import ReferenceProblem, reference_problems
from tests.unit.sample_estate import NS2, NS2_ROOT, sample_estate


def problems(changes: dict[str, Any]) -> tuple[ReferenceProblem, ...]:
    return reference_problems(sample_estate(changes))


def only_problem(changes: dict[str, Any]) -> ReferenceProblem:
    found = problems(changes)
    assert len(found) == 1, found
    return found[0]


def dotted(problem: ReferenceProblem) -> str:
    return ".".join(str(part) for part in problem.path)


TWO_SERVERS: dict[str, Any] = {"notification_servers.1": NS2, "authorities.ns2-root": NS2_ROOT}
WINRM = {"transport": "winrm", "address": "10.0.0.1", "credential": "ns-admin"}


def test_sound_estate_has_no_problem() -> None:
    assert reference_problems(sample_estate()) == ()


@pytest.mark.parametrize(
    ("place", "value", "kind"),
    [
        ("authorities.ns1-root.notification_server", "ns9", "Notification Server"),
        ("notification_servers.0.root_authority", "nix", "authority"),
        ("notification_servers.0.parent", "ns9", "Notification Server"),
        ("notification_servers.0.agent_site.certificate", {"issued_by": "nix"}, "authority"),
        ("notification_servers.0.console_site.certificate", {"issued_by": "nix"}, "authority"),
        ("notification_servers.0.connection", WINRM | {"credential": "nix"}, "credential"),
        ("site_server_settings.0.web.https.certificate", {"issued_by": "nix"}, "authority"),
        ("site_servers.0.overrides.web", {"cem": {"certificate": {"issued_by": "nix"}}}, "authority"),
        ("site_servers.0.connection", WINRM | {"credential": "nix"}, "credential"),
        ("internet_sites.0.resource_targets.0", "No such", "resource target"),
        ("internet_sites.0.site_servers.0", "zz", "site server"),
        ("gateways.0.servers.0", {"notification_server": "zz"}, "Notification Server"),
        ("gateways.0.servers.1", {"site_server": "zz"}, "site server"),
        ("gateways.0.certificate", {"issued_by": "nix"}, "authority"),
        ("gateways.0.connection.credential", "nix", "credential"),
        ("gateways.0.status_reporting", [{"notification_server": "zz"}], "Notification Server"),
        (
            "perimeter.external",
            {"kind": "nftables", "connection": WINRM | {"credential": "nix"}},
            "credential",
        ),
        (
            "perimeter.flows",
            [{"from": {"network": "10.0.0.0/8"}, "to": {"gateway": "zz"}, "reason": "x"}],
            "gateway",
        ),
        (
            "perimeter.flows",
            [{"from": {"site_server": "zz"}, "to": {"gateway": "gw1"}, "reason": "x"}],
            "site server",
        ),
        (
            "load_balancers",
            [
                {
                    "name": "f5",
                    "kind": "f5-bigip",
                    "virtual_servers": [{"address": "203.0.113.21", "gateway": "zz"}],
                }
            ],
            "gateway",
        ),
        (
            "communication_profiles",
            [{"name": "p", "notification_server": "ns1", "policy": "No such"}],
            "policy",
        ),
        ("policies.0.gateways.0", "zz", "gateway"),
        ("policies.0.resource_targets.0", "No such", "resource target"),
        (
            "offline_packages",
            [
                {
                    "installation_name": "p",
                    "notification_server": "ns1",
                    "policy": "No such",
                    "password": "env:P",
                }
            ],
            "policy",
        ),
        (
            "security_manager_plus",
            [{"name": "smp", "external_name": "smp.example", "connection": WINRM | {"credential": "nix"}}],
            "credential",
        ),
    ],
)
def test_name_that_stands_for_nothing_is_a_problem_at_its_place(place: str, value: Any, kind: str) -> None:
    found = only_problem({place: value})
    assert f"there is no {kind} " in found.message
    assert dotted(found).startswith(place)


def test_nearest_name_is_suggested() -> None:
    assert only_problem({"policies.0.gateways.0": "gww1"}).message == "there is no gateway 'gww1': did you mean 'gw1'?"


def test_section_to_declare_in_is_named_where_no_name_is_near() -> None:
    found = only_problem({"notification_servers.0.root_authority": "tallinn"})
    assert found.message.endswith("declare it in authorities")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("policies.0.gateways.0", "gw9"),
        ("internet_sites.0.site_servers.1", "ps9"),
        ("gateways.0.servers.2", {"site_server": "ps9"}),
        ("gateways.0.status_reporting", [{"notification_server": "ns1"}, {"notification_server": "ns9"}]),
    ],
)
def test_name_that_stands_in_the_list_already_is_not_suggested(place: str, value: Any) -> None:
    others = {"policies.0.gateways.0": {"policies.0.gateways.1": "gw1"}}.get(place, {})
    gone = {"site_servers.1": {"name": "zz", "fqdn": "zz.example", "notification_server": "ns1"}}
    rest = {"internet_sites": [], "gateways.1.servers": [{"notification_server": "ns1"}]}
    kept = {"internet_sites": [{"name": "S", "notification_server": "ns1", "site_servers": ["ps1", "ps9"]}]}
    if place.startswith("policies"):
        changes: dict[str, Any] = {place: value, **others, "gateways.1.name": "zz"}
    elif place.startswith("internet_sites"):
        changes = {**gone, **rest, **kept, "gateways.0.servers": [{"site_server": "ps1"}]}
    elif place.endswith("servers.2"):
        changes = {**gone, **rest, place: value}
    else:
        changes = {place: value}
    message = only_problem(changes).message
    assert "did you mean" not in message
    assert ": declare it in " in message
    assert message.endswith(", or remove it here")


def test_the_nearest_name_that_the_list_has_not_yet_is_suggested() -> None:
    assert only_problem({"gateways.0.servers.2": {"site_server": "ps22"}}).message.endswith("did you mean 'ps2'?")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            {"site_servers.1.name": "PS1", "internet_sites": [], "gateways": []} | {"policies": []},
            "site_servers.1.name",
        ),
        ({"resource_targets.1": {"name": "all LAPTOPS"}}, "resource_targets.1.name"),
        ({"policies.1": {"name": "CEM", "notification_server": "ns1"}}, "policies.1.name"),
        (
            {"internet_sites.1": {"name": "Default Internet Site", "notification_server": "ns1"}},
            "internet_sites.1.name",
        ),
        (
            {"change_windows": [{"name": "w", "start": "02:00", "duration_minutes": 60}] * 2},
            "change_windows.1.name",
        ),
        ({"load_balancers": [{"name": "f5", "kind": "f5-bigip"}] * 2}, "load_balancers.1.name"),
        (
            {"communication_profiles": [{"name": "p", "notification_server": "ns1"}] * 2},
            "communication_profiles.1.name",
        ),
        (
            {
                "offline_packages": [
                    {
                        "installation_name": "p",
                        "notification_server": "ns1",
                        "policy": "CEM",
                        "password": "env:P",
                    }
                ]
                * 2
            },
            "offline_packages.1.installation_name",
        ),
        (
            {
                "security_manager_plus": [
                    {"name": "s", "external_name": "s.example", "customers": [{"name": "a"}, {"name": "a"}]}
                ]
            },
            "security_manager_plus.0.customers.1.name",
        ),
    ],
)
def test_name_given_twice_is_a_problem(changes: dict[str, Any], place: str) -> None:
    found = only_problem(changes)
    assert (dotted(found), "already given" in found.message) == (place, True)


def test_machine_names_are_unique_over_all_sections_for_limit() -> None:
    found = only_problem({"gateways.2": {"name": "ps1", "fqdn": "x.example"}})
    assert (dotted(found), "site_servers[0]" in found.message) == ("gateways.2.name", True)


def test_policies_and_sites_of_two_servers_may_have_one_name() -> None:
    more = {
        "internet_sites.1": {"name": "Default Internet Site", "notification_server": "ns2"},
        "policies.1": {"name": "CEM", "notification_server": "ns2"},
    }
    assert problems(TWO_SERVERS | more) == ()


@pytest.mark.parametrize("name", ["all", "gateways", "site_servers"])
def test_machine_cannot_be_named_like_a_group(name: str) -> None:
    found = only_problem({"gateways.2": {"name": name, "fqdn": "x.example"}})
    assert "group of --limit" in found.message


@pytest.mark.parametrize("parents", [("ns1", None), ("ns2", "ns1")])
def test_circle_of_parents_is_a_problem(parents: tuple[str, str | None]) -> None:
    changes = TWO_SERVERS | {"notification_servers.0.parent": parents[0]}
    changes["notification_servers.1"] = NS2 | ({"parent": parents[1]} if parents[1] else {})
    found = problems(changes)
    assert found
    assert {problem.fact for problem in found} == {"NS-06"}


def test_server_below_a_circle_is_not_blamed() -> None:
    changes = TWO_SERVERS | {"notification_servers.0.parent": "ns1", "notification_servers.1": NS2 | {"parent": "ns1"}}
    assert [dotted(problem) for problem in problems(changes)] == ["notification_servers.0.parent"]


def test_root_authority_of_another_kind_is_a_problem() -> None:
    found = only_problem({"notification_servers.0.root_authority": "dmz-ca"})
    assert (dotted(found), found.fact) == ("notification_servers.0.root_authority", "CE-01")


def test_root_authority_of_another_server_is_a_problem() -> None:
    found = only_problem(TWO_SERVERS | {"notification_servers.1": NS2 | {"root_authority": "ns1-root"}})
    assert "is the root of ns1" in found.message


def test_external_authority_may_be_named_as_issuer_for_the_certificate_may_be_there_already() -> None:
    changes = {
        "authorities.corp": {"kind": "gateway-ca", "source": "external", "certificate": "c.pem"},
        "gateways.0.certificate": {"issued_by": "corp"},
    }
    assert problems(changes) == ()


def test_gateway_authority_may_issue() -> None:
    assert problems({"gateways.0.certificate": {"issued_by": "dmz-ca"}}) == ()


def test_server_listed_twice_is_a_problem() -> None:
    found = only_problem({"gateways.0.servers.3": {"site_server": "ps1"}})
    assert (dotted(found), found.fact) == ("gateways.0.servers.3.site_server", "IG-02")


def test_status_reported_twice_to_one_server_is_a_problem() -> None:
    report = {"notification_server": "ns1"}
    assert only_problem({"gateways.0.status_reporting": [report, report]}).fact == "IG-08"


def test_agent_site_on_the_console_port_is_a_problem() -> None:
    found = only_problem({"notification_servers.0.agent_site.port": 443})
    assert (dotted(found), found.fact) == ("notification_servers.0.agent_site.port", "IG-02")


def test_agent_site_on_443_is_fine_where_the_console_is_elsewhere() -> None:
    changes = {"notification_servers.0.agent_site.port": 443, "notification_servers.0.console_site.port": 8443}
    assert problems(changes) == ()


def test_cem_port_of_another_machine_may_be_the_console_port() -> None:
    assert problems({"site_server_settings.0.web": {"https": {"enabled": False}, "cem": {"port": 443}}}) == ()


def test_cem_port_on_the_server_itself_cannot_be_the_console_port() -> None:
    override = {"web": {"enabled": True, "https": {"enabled": False}, "cem": {"port": 443}}}
    found = only_problem({"site_servers.0.fqdn": "ns1.corp.example", "site_servers.0.overrides": override})
    assert (dotted(found), found.fact) == ("site_servers.0.overrides.web.cem.port", "IG-02")


def test_console_cannot_be_listed_under_a_further_name_of_another_server() -> None:
    changes = {
        "site_server_settings.0.web": {"https": {"enabled": False}, "cem": {"port": 443}},
        "gateways.0.servers.1": {"site_server": "ps1", "also_known_as": ["smp.corp.example"]},
    }
    found = only_problem(changes)
    assert (dotted(found), found.fact) == ("gateways.0.servers.1.also_known_as", "IG-02")


def test_listed_site_server_with_cem_off_is_a_problem_on_each_gateway() -> None:
    override = {"web": {"enabled": True, "cem": {"enabled": False}}}
    found = problems({"site_servers.1.overrides": override})
    assert [dotted(problem) for problem in found] == [
        "gateways.0.servers.2.site_server",
        "gateways.1.servers.2.site_server",
    ]


def test_override_that_is_switched_off_does_not_turn_cem_off() -> None:
    override = {"web": {"enabled": False, "cem": {"enabled": False}}}
    assert problems({"site_servers.1.overrides": override}) == ()


def test_settings_given_twice_are_a_problem() -> None:
    found = only_problem({"site_server_settings.1": {"notification_server": "ns1"}})
    assert (dotted(found), found.fact) == ("site_server_settings.1.notification_server", "SS-01")


def test_missing_settings_are_a_problem_where_a_port_is_needed() -> None:
    found = problems({"site_server_settings": []})
    assert {problem.fact for problem in found} == {"SS-01"}
    assert len(found) == 4


def test_missing_settings_are_fine_for_a_server_with_its_own_section() -> None:
    changes: dict[str, Any] = {"site_server_settings": []}
    for i in (0, 1):
        changes[f"site_servers.{i}.overrides"] = {"web": {"enabled": True}}
    assert problems(changes) == ()


def test_internet_site_with_a_site_server_of_another_server_is_a_problem() -> None:
    site = {"name": "Second", "notification_server": "ns2", "site_servers": ["ps1"]}
    found = only_problem(TWO_SERVERS | {"internet_sites.1": site})
    assert (dotted(found), found.fact) == ("internet_sites.1.site_servers.0", "P-05")


def test_package_with_the_policy_of_an_unrelated_server_is_a_problem() -> None:
    package = {"installation_name": "p", "notification_server": "ns2", "policy": "CEM", "password": "env:P"}
    found = only_problem(TWO_SERVERS | {"offline_packages": [package]})
    assert (dotted(found), found.fact) == ("offline_packages.0.policy", "NS-06")


def test_package_may_use_a_policy_of_a_server_above() -> None:
    package = {"installation_name": "p", "notification_server": "ns2", "policy": "CEM", "password": "env:P"}
    changes = TWO_SERVERS | {"notification_servers.1": NS2 | {"parent": "ns1"}, "offline_packages": [package]}
    assert problems(changes) == ()


def test_package_with_an_unknown_organizational_group_is_a_problem() -> None:
    package = {
        "installation_name": "p",
        "notification_server": "ns1",
        "policy": "CEM",
        "password": "env:P",
        "organizational_groups": ["Branch Tallinn"],
    }
    assert dotted(only_problem({"offline_packages": [package]})) == "offline_packages.0.organizational_groups.0"


def test_one_name_and_port_for_two_listed_servers_is_a_problem() -> None:
    listed = {"site_server": "ps2", "also_known_as": ["ps1.corp.example"]}
    found = only_problem({"gateways.0.servers.2": listed})
    assert (dotted(found), found.fact) == ("gateways.0.servers.2", "IG-02")


def test_one_name_on_two_ports_is_fine() -> None:
    changes = {
        "gateways.0.servers.2": {"site_server": "ps2", "also_known_as": ["ps1.corp.example"]},
        "site_servers.1.overrides": {"web": {"enabled": True, "cem": {"port": 8443}}},
    }
    assert problems(changes) == ()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"gateways.0.layout": "smp-8"}, "gateways.0.layout"),
        ({"gateways.0.root": "C:\\cemops"}, "gateways.0.root"),
        ({"gateways.0.service": {"manager": "windows"}}, "gateways.0.service.manager"),
        ({"gateways.0.service": {"account": "root"}}, "gateways.0.service.account"),
        ({"gateways.0.service": {"account": "LocalService"}}, "gateways.0.service.account"),
        ({"gateways.0.platform": "windows", "gateways.0.root": "/opt/gw"}, "gateways.0.root"),
        (
            {"gateways.0.platform": "windows", "gateways.0.service": {"manager": "systemd"}},
            "gateways.0.service.manager",
        ),
    ],
)
def test_gateway_with_a_part_of_the_other_platform_is_a_problem(changes: dict[str, Any], place: str) -> None:
    assert dotted(only_problem(changes)) == place


def test_windows_gateway_has_the_vendors_defaults() -> None:
    gateway = sample_estate({"gateways.0.platform": "windows"}).gateways[0]
    assert (gateway.layout, gateway.service.manager, gateway.service.account) == ("smp-8", "windows", "LocalService")
    assert gateway.root == "C:\\Program Files (x86)\\Symantec\\SMP Internet Gateway"
    assert problems({"gateways.0.platform": "windows"}) == ()


def winrm_problem(connection: dict[str, Any], credential: dict[str, Any] | None = None) -> str:
    """The place of the only problem that a Notification Server's connection makes."""
    changes = {"notification_servers.0.connection": WINRM | connection}
    if credential is not None:
        changes["credentials.ns-admin"] = {"username": "svc"} | credential
    return dotted(only_problem(changes))


def test_winrm_needs_a_password() -> None:
    assert winrm_problem({"credential": "gw-root"}) == "notification_servers.0.connection.credential"


@pytest.mark.parametrize("authentication", ["basic", "certificate"])
def test_what_encrypts_nothing_is_refused_without_tls(authentication: str) -> None:
    credential = {"password": "env:P", "private_key_file": "key.pem", "client_certificate": "client.pem"}
    connection = {"authentication": authentication, "allow_http": True}
    assert winrm_problem(connection, credential) == "notification_servers.0.connection.allow_http"


def test_a_certificate_cannot_prove_a_host_without_tls() -> None:
    connection = {"allow_http": True, "server_certificate": {"thumbprint": "AB" * 20}}
    assert winrm_problem(connection) == "notification_servers.0.connection.server_certificate"


@pytest.mark.parametrize("credential", [{"private_key_file": "k"}, {"client_certificate": "c"}, {"password": "env:P"}])
def test_a_logon_by_certificate_needs_certificate_and_key(credential: dict[str, Any]) -> None:
    place = winrm_problem({"authentication": "certificate"}, credential)
    assert place == "notification_servers.0.connection.credential"


def test_kerberos_needs_a_name_and_no_password() -> None:
    kerberos = WINRM | {"authentication": "kerberos"}
    named = {"notification_servers.0.connection": kerberos | {"address": "ns1.example"}}
    assert problems(named | {"credentials.ns-admin": {"username": "svc@EXAMPLE"}}) == ()
    assert winrm_problem(kerberos) == "notification_servers.0.connection.address"


@pytest.mark.parametrize(
    ("connection", "port"),
    [({}, 5986), ({"allow_http": False}, 5986), ({"allow_http": True}, 5985), ({"allow_http": True, "port": 80}, 80)],
)
def test_winrm_listens_on_another_port_without_tls(connection: dict[str, Any], port: int) -> None:
    found = sample_estate({"notification_servers.0.connection": WINRM | connection}).notification_servers[0].connection
    assert found is not None
    assert found.port == port


def third_gateway(**fields: Any) -> dict[str, Any]:
    """A gateway at gw1's sshd, with folder, service and port of its own."""
    connection = {"transport": "ssh", "address": "203.0.113.11", "credential": "gw-root"}
    own = {"root": "/srv/gw3", "service": {"manager": "direct"}, "listen": {"port": 8443}}
    return {"gateways.2": {"name": "gw3", "fqdn": "gw3.example", "connection": connection} | own | fields}


def test_two_gateways_may_share_a_machine() -> None:
    assert problems(third_gateway()) == ()


@pytest.mark.parametrize("root", ["/etc/cemops-gateway", "/etc/cemops-gateway/"])
def test_two_gateways_cannot_share_a_folder(root: str) -> None:
    found = only_problem(third_gateway(root=root, service={"manager": "systemd"}))
    assert (dotted(found), found.message) == (
        "gateways.2.root",
        "gw3 and gw1 are the same folder on the same machine: give one another root, or remove it",
    )


def test_two_windows_gateways_cannot_share_a_folder_in_another_spelling() -> None:
    found = problems(
        third_gateway(platform="windows", root="c:\\GW", service={})
        | {"gateways.0.platform": "windows", "gateways.0.root": "C:\\gw"}
    )
    assert [dotted(problem) for problem in found] == ["gateways.2.root"]


def test_two_gateways_of_one_machine_cannot_both_be_its_systemd_unit() -> None:
    found = only_problem(third_gateway(service={"manager": "systemd"}))
    assert (dotted(found), "gw1" in found.message) == ("gateways.2.service.manager", True)


@pytest.mark.parametrize(
    "connection",
    [
        {"transport": "ssh", "address": "203.0.113.11", "port": 2222, "credential": "gw-root"},
        {"transport": "ssh", "address": "203.0.113.13", "credential": "gw-root"},
    ],
)
def test_one_folder_and_unit_on_two_machines_is_fine(connection: dict[str, Any]) -> None:
    both = {"root": "/etc/cemops-gateway", "service": {"manager": "systemd"}}
    assert problems(third_gateway(connection=connection, **both)) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"listen": {"port": 443}},
        {"connection": None, "public_address": "203.0.113.11", "listen": {"port": 443}},
    ],
)
def test_two_gateways_on_one_address_and_port_are_a_problem(fields: dict[str, Any]) -> None:
    found = only_problem(third_gateway(**fields))
    assert (dotted(found), found.fact) == ("gateways.2.listen.port", "IG-01")
    assert "203.0.113.11:443" in found.message


def test_one_port_on_two_addresses_of_a_machine_is_fine() -> None:
    listen = {"addresses": ["203.0.113.13"], "port": 443}
    assert problems(third_gateway(public_address="203.0.113.13", listen=listen)) == ()


def test_gateways_without_an_address_are_not_compared() -> None:
    nowhere = third_gateway(connection=None, listen={"port": 443})
    assert problems(nowhere | {"gateways.0.connection": None}) == ()


@pytest.mark.parametrize("addresses", [["*", "203.0.113.11"], ["203.0.113.11", "203.0.113.11"]])
def test_listen_addresses_do_not_repeat_each_other(addresses: list[str]) -> None:
    assert only_problem({"gateways.0.listen.addresses": addresses}).fact == "IG-01"


def test_problems_of_several_sections_are_all_reported() -> None:
    changes = {
        "policies.0.gateways.0": "gw9",
        "gateways.0.servers.3": {"site_server": "ps1"},
        "notification_servers.0.agent_site.port": 443,
    }
    assert {dotted(problem) for problem in problems(changes)} == {
        "policies.0.gateways.0",
        "gateways.0.servers.3.site_server",
        "notification_servers.0.agent_site.port",
    }


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.sampled_from(["ns1", "ns2", "ns3"]), min_size=3, max_size=3))
def test_checks_end_whatever_the_parents_are(names: list[str]) -> None:
    servers = [
        {"name": f"ns{i + 1}", "fqdn": f"ns{i + 1}.example", "root_authority": "r", "parent": parent}
        for i, parent in enumerate(names)
    ]
    changes = {"notification_servers": servers, "authorities.r": {"kind": "ns-root", "source": "local"}}
    assert any(problem.fact == "NS-06" for problem in problems(changes))
