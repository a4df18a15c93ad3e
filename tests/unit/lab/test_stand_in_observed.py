"""The stand-in's answers as cemops reads them, and the firewall's plan carried out on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cemops.execution.windows_state.request import FileWanted, FolderWanted, RegistryTree, state_request
from cemops.execution.windows_state.state import parse_state
from cemops.lab.windows.faults import Faults
from cemops.lab.windows.firewall_rules import RULES
from cemops.lab.windows.http_sys import SslCert, set_ssl_cert
from cemops.lab.windows.iis_model import Application, Binding, Iis, Site
from cemops.lab.windows.invocation import run_request
from cemops.lab.windows.machine_model import Account, Identity, Machine, Service
from cemops.lab.windows.native_programs import NoPrograms
from cemops.lab.windows.writing_leaves import Leaves
from cemops.model.windows_observed import IisApplication, IisBinding, ObservedWindows
from cemops.planning.windows.desired_firewall import DesiredRule, DesiredWindowsFirewall
from cemops.planning.windows.firewall import plan_windows_firewall
from cemops.planning.windows.plan import PayloadAction

FOREIGN = {
    "WINRM-HTTPS-In-TCP": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5986|App=System|Name=WinRM|",
    "telnet": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=23|Name=Telnet|",
    "RemoteDesktop-UserMode-In-TCP": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|Name=x|"
    "EmbedCtxt=@FirewallAPI.dll,-28752|",
}
WANTED = DesiredWindowsFirewall(
    "ns1",
    manage=True,
    rules=(
        DesiredRule(
            "cemops-agent-site", "gateways to the agent site", 4726, "PT-02", ("203.0.113.0/28", "2001:db8::7")
        ),
        DesiredRule("cemops-admin", "administration", 5986, "PT-08"),
    ),
    unspecified="disable",
    keep=("Remote Desktop",),
    management_port=5986,
)


@pytest.fixture
def leaves(tmp_path: Path) -> Leaves:
    site = Site(
        "Default Web Site",
        1,
        (Binding("https", "*:443:ns1.example", 1), Binding("net.tcp", "808:*")),
        (Application("/", "C:\\inetpub\\wwwroot"),),
    )
    machine = Machine(
        folder=tmp_path,
        identity=Identity("NS1", "ns1.example", "127.0.0.9", user="NS1\\cemops"),
        iis=Iis.with_sites(site),
        services={"W3SVC": Service("Running", "Automatic", "LocalSystem", "svchost", 7)},
        accounts={"cemops": Account()},
        names={"gw1.example": ("127.0.0.8",)},
    )
    rules = machine.registry.make_key(RULES)
    for name, text in FOREIGN.items():
        rules.set_value(name, "String", text)
    set_ssl_cert(machine.registry, SslCert("ipport", "0.0.0.0:4726", "AB" * 20))
    set_ssl_cert(machine.registry, SslCert("hostnameport", "ns1.example:443", "CD" * 20))
    return Leaves(machine, NoPrograms(), Faults)


def observe(leaves: Leaves) -> ObservedWindows:
    request = state_request(
        services=["W3SVC", "Absent"],
        accounts=["cemops", "acc"],
        files=[FileWanted("C:\\absent", content=True)],
        folders=[FolderWanted("C:\\absent")],
        names=["gw1.example", "nowhere.example"],
        registry=[RegistryTree("HKLM:\\SOFTWARE\\Absent", "32")],
    )
    return parse_state(run_request(leaves, request), None)


def apply(leaves: Leaves, actions: Iterable[PayloadAction]) -> list[dict[str, Any]]:
    request = [{"id": str(at), "op": action.op, **action.fields} for at, action in enumerate(actions)]
    done: list[dict[str, Any]] = run_request(leaves, {"verb": "apply", "actions": request})["actions"]
    return done


def test_everything_that_is_asked_for_is_read_from_a_stand_in(leaves: Leaves) -> None:
    machine = observe(leaves)
    (site,) = machine.sites
    assert site.bindings[0] == IisBinding("https", "*:443:ns1.example", 1, "*", 443, "ns1.example")
    assert site.applications == (IisApplication("/", "DefaultAppPool", "C:\\inetpub\\wwwroot"),)
    assert {(one.kind, one.endpoint, one.thumbprint) for one in machine.ssl_entries} == {
        ("ipport", "0.0.0.0:4726", "AB" * 20),
        ("hostnameport", "ns1.example:443", "CD" * 20),
    }
    assert {one.app_id for one in machine.ssl_entries} == {"{4dc3e181-e14b-4a21-b022-59fc669b0914}"}
    assert {rule.name for rule in machine.firewall_rules} == set(FOREIGN)
    assert machine.services["Absent"] is None
    assert machine.accounts == {"cemops": (True, False), "acc": None}
    assert (machine.files, machine.folders) == ({"C:\\absent": None}, {"C:\\absent": None})
    assert machine.resolved == {"gw1.example": ("127.0.0.8",), "nowhere.example": ()}
    assert machine.registry == {"HKLM:\\SOFTWARE\\Absent (32-bit view)": None}
    assert machine.unreadable == ()


def test_a_firewall_plan_holds_on_a_stand_in_and_can_be_taken_back(leaves: Leaves) -> None:
    found = observe(leaves)
    plan = plan_windows_firewall(WANTED, found)
    assert [outcome["state"] for outcome in apply(leaves, plan.actions)] == ["done"] * 3
    after = observe(leaves)
    rules = {rule.name: rule for rule in after.firewall_rules}
    assert rules["cemops-agent-site"].remote_addresses == ("203.0.113.0/28", "2001:db8::7")
    assert [name for name, rule in rules.items() if not rule.enabled] == ["telnet"]
    assert plan_windows_firewall(WANTED, after).is_empty
    apply(leaves, plan.restore)
    back = {rule.name: rule for rule in observe(leaves).firewall_rules}
    assert all(back[rule.name] == rule for rule in found.firewall_rules)


def test_what_is_no_longer_wanted_is_removed_from_a_stand_in(leaves: Leaves) -> None:
    apply(leaves, plan_windows_firewall(WANTED, observe(leaves)).actions)
    without = replace(WANTED, rules=WANTED.rules[1:])
    outcomes = apply(leaves, plan_windows_firewall(without, observe(leaves)).actions)
    assert [outcome["changed"] for outcome in outcomes] == [True]
    assert "cemops-agent-site" not in {rule.name for rule in observe(leaves).firewall_rules}
