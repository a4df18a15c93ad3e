"""A site server as a whole: account, persistent connection, and what of the estate reaches its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cemops.model.estate import Estate
from cemops.planning.changes import Action, Resource
from cemops.planning.windows.desired import (
    DesiredAccount,
    desired_agent_site,
    desired_site_server,
    server_certificate_names,
)
from cemops.planning.windows.site_server import plan_site_server
from tests.unit.planning.windows.server_situations import (
    NEW,
    NOW,
    OLD,
    binding,
    cem,
    codes,
    entry,
    https,
    machine,
    operations,
    pfx,
    site,
    site_server,
)

SERVED = machine(site(binding(443), binding(4726)), entries=(entry(443, OLD), entry(4726, OLD)), my=(OLD,))
ACCOUNT = DesiredAccount("acc-agent", create=True, unlock=True)


def account_plan(accounts: dict[str, tuple[bool, bool] | None], account: DesiredAccount = ACCOUNT, **more: Any) -> Any:
    desired = site_server(https(), cem(), account=account, domain_controller=more.pop("declared", False))
    return plan_site_server(desired, replace(SERVED, accounts=accounts, **more), NOW)


def test_a_missing_account_is_made_with_a_password_from_the_secret_store() -> None:
    result = account_plan({"acc-agent": None})
    (action,) = result.actions
    assert (action.op, action.material) == ("account.set", "password:acc-agent")
    assert action.fields == {"account": "acc-agent", "unlock": True}
    assert result.changes[0].resource is Resource.ACCOUNT
    assert result.changes[0].action is Action.CREATE


def test_an_account_that_is_there_is_left_alone() -> None:
    result = account_plan({"acc-agent": (True, False)})
    assert result.is_empty
    assert result.warnings == ()


def test_a_missing_account_that_is_not_to_be_made_is_a_warning() -> None:
    result = account_plan({"acc-agent": None}, replace(ACCOUNT, create=False))
    assert result.is_empty
    assert "acc-missing" in codes(result)


def test_a_locked_account_is_unlocked_where_asked() -> None:
    assert operations(account_plan({"acc-agent": (True, True)})) == ["account.set"]
    left = account_plan({"acc-agent": (True, True)}, replace(ACCOUNT, unlock=False))
    assert left.is_empty
    assert "acc-locked" in codes(left)


def test_a_disabled_account_is_a_warning() -> None:
    assert "acc-disabled" in codes(account_plan({"acc-agent": (False, False)}))


def test_a_domain_account_is_an_error() -> None:
    for name in ("CORP\\acc-agent", "acc-agent@corp.example"):
        result = account_plan({}, replace(ACCOUNT, name=name))
        assert result.actions == ()
        assert "SS-01" in result.errors[0]


def test_a_domain_controller_gets_no_local_account() -> None:
    result = account_plan({}, domain_role=5)
    assert result.is_empty
    assert "acc-on-domain-controller" in codes(result)


def test_a_machine_that_is_declared_a_domain_controller_and_is_none_is_an_error() -> None:
    assert "domain_controller" in account_plan({}, declared=True).errors[0]


def test_https_off_stops_the_web_socket_server() -> None:
    result = plan_site_server(site_server(cem(), persistent_connection=True), SERVED, NOW)
    (message,) = [one.message for one in result.warnings if one.code == "no-web-socket"]
    assert "cannot work" in message
    assert "no-web-socket" in codes(plan_site_server(site_server(cem()), SERVED, NOW))


def test_an_https_binding_that_cannot_be_made_stops_the_web_socket_server() -> None:
    result = plan_site_server(site_server(https()), machine(site()), NOW)
    assert {"no-binding", "no-web-socket"} <= codes(result)


def test_persistent_connection_needs_nothing_where_https_is_on() -> None:
    result = plan_site_server(site_server(https(), cem(), persistent_connection=True), SERVED, NOW)
    assert result.is_empty
    assert result.warnings == ()


def estate(**changes: Any) -> Estate:
    settings: dict[str, Any] = {
        "notification_server": "ns1",
        "web": {
            "https": {"port": 443, "install_certificate": True, "certificate": {"issued_by": "ssr"}},
            "cem": {"port": 4726, "install_certificate": True, "certificate": {"issued_by": "ssr"}},
        },
        "persistent_connection": True,
        "agent_connectivity_credential": {"username": ".\\acc", "password": "env:ACC", "create_local_account": True},
    }
    data: dict[str, Any] = {
        "cemops": 1,
        "estate": "northwind",
        "authorities": {"ssr": {"kind": "site-server-root", "source": "local"}},
        "notification_servers": [
            {
                "name": "ns1",
                "fqdn": "ns1.corp.example",
                "aliases": ["smp.corp.example"],
                "root_authority": "ssr",
                "agent_site": {"alternate_fqdn": "cem.corp.example", "certificate": {"issued_by": "ssr"}},
            }
        ],
        "site_server_settings": [settings],
        "site_servers": [
            {"name": "ps1", "fqdn": "ps1.corp.example", "notification_server": "ns1"},
            {
                "name": "ps2",
                "fqdn": "ps2.corp.example",
                "notification_server": "ns1",
                "overrides": {
                    "web": {
                        "enabled": True,
                        "http": {"enabled": False},
                        "cem": {"port": 8443, "force_overwrite": True},
                    },
                    "persistent_connection": {"enabled": True},
                },
            },
            {
                "name": "ps3",
                "fqdn": "ps3.corp.example",
                "notification_server": "ns1",
                "overrides": {"web": {"enabled": False, "cem": {"port": 8443}}},
            },
        ],
        "internet_sites": [{"name": "Site", "notification_server": "ns1", "site_servers": ["ps1", "ps2"]}],
    }
    return Estate.model_validate({**data, **changes})


MATERIALS = {"https": pfx(NEW, "https"), "cem": pfx(NEW)}


def test_global_settings_hold_where_no_override_is_enabled() -> None:
    declared = estate()
    for server in (declared.site_servers[0], declared.site_servers[2]):
        desired = desired_site_server(declared, server, MATERIALS)
        assert [(one.purpose, one.port, one.enabled) for one in desired.bindings] == [
            ("http", 80, True),
            ("https", 443, True),
            ("cem", 4726, True),
        ]
        assert desired.persistent_connection


def test_an_enabled_override_replaces_the_whole_section() -> None:
    declared = estate()
    desired = desired_site_server(declared, declared.site_servers[1], {})
    plain, intranet, through_gateways = desired.bindings
    assert not plain.enabled
    assert not intranet.install_certificate
    assert (through_gateways.port, through_gateways.force_overwrite) == (8443, True)
    assert not through_gateways.install_certificate
    assert not desired.persistent_connection


def test_the_cem_certificate_is_delivered_to_site_servers_of_internet_sites_only() -> None:
    declared = estate()
    own = [replace(facts, dns_names=("ps3.corp.example",)) for facts in (OLD, NEW)]
    materials = {"https": pfx(own[0], "https", names=("ps3.corp.example",)), "cem": pfx(own[1])}
    inside = desired_site_server(declared, declared.site_servers[2], materials)
    assert [one.install_certificate for one in inside.bindings] == [False, True, False]
    result = plan_site_server(inside, machine(site(binding(80, protocol="http"))), NOW)
    assert any("Internet sites only" in one.message for one in result.warnings if one.code == "no-binding")
    assert [action.fields["thumbprint"] for action in result.actions if "thumbprint" in action.fields] == [OLD.sha1] * 2
    through = desired_site_server(declared, declared.site_servers[0], MATERIALS)
    assert [one.install_certificate for one in through.bindings] == [False, True, True]


def test_the_account_is_the_estates_without_the_sign_of_this_computer() -> None:
    declared = estate()
    assert desired_site_server(declared, declared.site_servers[0], {}).account == DesiredAccount(
        "acc", create=True, unlock=False
    )


def test_the_agent_sites_certificate_carries_every_name() -> None:
    ns = estate().notification_servers[0]
    names = ("ns1.corp.example", "cem.corp.example", "smp.corp.example")
    assert server_certificate_names(ns) == names
    desired = desired_agent_site(estate(), ns, {"agent-site": pfx(NEW, "agent-site")})
    assert desired.binding.names == names
    assert desired.binding.install_certificate
    assert desired.console is None


def test_the_consoles_certificate_is_planned_where_one_is_declared() -> None:
    ns = estate().notification_servers[0]
    desired = desired_agent_site(estate(), ns, {"console": pfx(NEW, "console")})
    assert desired.console is not None
    assert not desired.console.force_overwrite
    assert not desired.console.movable
    assert not desired.binding.install_certificate
