"""The plan of a Windows firewall: ours by name, foreign ones only where asked, and never the way in."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.model.windows_observed import FirewallRule, ObservedWindows
from cemops.planning.changes import Action, Resource
from cemops.planning.windows.desired_firewall import DesiredRule, DesiredWindowsFirewall
from cemops.planning.windows.firewall import plan_windows_firewall
from cemops.planning.windows.firewall_reach import lets_in, reaches, within
from cemops.planning.windows.plan import WindowsPlan, merged
from tests.unit.planning.windows.firewall_machine import applied, machine, rule

AGENT_SITE = DesiredRule("cemops-agent-site", "gateways to the agent site", 4726, "PT-02", ("203.0.113.0/28",))
CONSOLE = DesiredRule("cemops-console", "console and NS web", 443, "PT-04")
ADMIN = DesiredRule("cemops-admin", "administration", 5986, "PT-08")
WANTED = DesiredWindowsFirewall(
    "ns1", manage=True, rules=(AGENT_SITE, CONSOLE, ADMIN), unspecified="ignore", management_port=5986
)
CLOSING = replace(WANTED, unspecified="disable")
WINRM = rule("WINRM-HTTPS", "5986", program="System")
EMPTY = machine(WINRM)
RIGHT = applied(EMPTY, plan_windows_firewall(WANTED, EMPTY).actions)


def ours(name: str) -> FirewallRule:
    return next(one for one in RIGHT.firewall_rules if one.name == name)


def with_rules(*rules: FirewallRule) -> ObservedWindows:
    """A machine whose own rules are right, with further ones."""
    return replace(RIGHT, firewall_rules=(*RIGHT.firewall_rules, *rules))


def messages(plan: WindowsPlan, code: str) -> list[str]:
    return [warning.message for warning in plan.warnings if warning.code == code]


def disabled(plan: WindowsPlan) -> list[str]:
    return [action.fields["rule"] for action in plan.actions if action.op == "firewall.enable"]


def test_missing_rules_are_made_in_the_groups_name() -> None:
    plan = plan_windows_firewall(WANTED, EMPTY)
    assert [(c.resource, c.name, c.action) for c in plan.changes] == [
        (Resource.FIREWALL_RULE, name, Action.CREATE)
        for name in ("cemops-agent-site", "cemops-console", "cemops-admin")
    ]
    assert plan.changes[0].reason == "gateways to the agent site (PT-02)"
    assert plan.actions[0].fields == {
        "rule": "cemops-agent-site",
        "group": "cemops",
        "display": "cemops: gateways to the agent site",
        "direction": "Inbound",
        "action": "Allow",
        "protocol": "TCP",
        "local_ports": ["4726"],
        "remote_addresses": ["203.0.113.0/28"],
        "program": "",
        "profiles": "Any",
        "enabled": True,
    }
    assert plan.actions[0].change == plan.changes[0].id
    assert plan.restore == (), "what was opened closes nothing"


def test_right_rules_are_left_alone_whatever_the_order_or_case() -> None:
    other = replace(ours("cemops-console"), name="CEMOPS-Console")
    rest = (one for one in RIGHT.firewall_rules if one.name != "cemops-console")
    assert plan_windows_firewall(WANTED, machine(other, *rest)) == WindowsPlan()


@pytest.mark.parametrize(
    "edit",
    [
        {"enabled": False},
        {"action": "Block"},
        {"direction": "Outbound"},
        {"protocol": "UDP"},
        {"local_ports": ("4726", "4727")},
        {"remote_addresses": ()},
        {"display": "mine"},
        {"group": ""},
        {"profiles": ("Domain",)},
        {"program": "C:\\x.exe"},
        {"service": "w3svc"},
        {"conditions": ("rport=1",)},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_whatever_was_edited_by_hand_is_mended_and_can_be_put_back(edit: dict[str, Any]) -> None:
    edited = replace(ours("cemops-agent-site"), **edit)
    found = machine(edited, ours("cemops-console"), ours("cemops-admin"), WINRM)
    plan = plan_windows_firewall(WANTED, found)
    (change,) = plan.changes
    assert (change.name, change.action) == ("cemops-agent-site", Action.UPDATE)
    after = applied(found, plan.actions)
    assert plan_windows_firewall(WANTED, after).is_empty
    back = {one.name: one for one in applied(after, plan.restore).firewall_rules}["cemops-agent-site"]
    assert (back.enabled, back.local_ports) == (edited.enabled, edited.local_ports)
    assert back.remote_addresses == edited.remote_addresses


def test_rules_that_nothing_wants_any_more_are_removed_and_only_ours() -> None:
    stale = replace(ours("cemops-console"), name="cemops-flow-9182")
    lookalike = rule("cemops-by-hand", "9000", group="somebody's")
    plan = plan_windows_firewall(WANTED, with_rules(stale, lookalike))
    assert [(c.name, c.action) for c in plan.changes] == [("cemops-flow-9182", Action.DELETE)]
    assert [action.op for action in plan.actions] == ["firewall.remove"]
    assert [(action.op, action.fields["rule"]) for action in plan.restore] == [("firewall.set", "cemops-flow-9182")]


def test_a_stale_rule_of_another_protocol_is_not_promised_back() -> None:
    stale = replace(ours("cemops-console"), name="cemops-old", protocol="any", local_ports=())
    plan = plan_windows_firewall(WANTED, with_rules(stale))
    assert ([action.op for action in plan.actions], plan.restore) == (["firewall.remove"], ())


def test_without_manage_nothing_is_planned() -> None:
    off = replace(CLOSING, manage=False)
    plan = plan_windows_firewall(off, machine(rule("x", "1")))
    assert (plan.changes, plan.actions) == ((), ())
    assert messages(plan, "firewall-not-managed")


def test_problems_of_the_estate_are_errors_and_nothing_is_touched() -> None:
    plan = plan_windows_firewall(replace(WANTED, problems=("write inside_addresses",)), EMPTY)
    assert (plan.errors, plan.actions) == (("write inside_addresses",), ())


@pytest.mark.parametrize(
    ("foreign", "words"),
    [
        (rule("wide", "4726"), "wide opens TCP 4726 .* to more than 203.0.113.0/28"),
        (rule("range", "4000-5000", remote_addresses=("10.0.0.0/8",)), "range opens TCP 4726"),
        (rule("subnet", "4726", remote_addresses=("LocalSubnet",)), "subnet opens TCP 4726"),
        (rule("all", protocol="any", program="System"), "all opens TCP 4726"),
        (rule("gpo", "4726", policy=True), r"gpo \(group policy\) opens TCP 4726"),
        (rule("stop", "4726", action="Block"), "stop blocks TCP 4726 .* a block win"),
        (rule("stop", "4726", action="Block", remote_addresses=("203.0.113.3",)), "stop blocks TCP 4726"),
        (rule("stop", action="Block", display="No entry"), r"stop \[No entry\] blocks TCP 4726"),
    ],
    ids=["wide", "range", "keyword", "any protocol", "policy", "block", "narrow block", "block all"],
)
def test_a_foreign_rule_in_the_way_is_shown_with_its_name(foreign: FirewallRule, words: str) -> None:
    plan = plan_windows_firewall(WANTED, with_rules(foreign))
    found = messages(plan, "firewall-conflict")
    assert plan.is_empty
    assert [message for message in found if re.search(words, message)]


@pytest.mark.parametrize(
    "foreign",
    [
        rule("narrow", "4726", remote_addresses=("203.0.113.4-203.0.113.7",)),
        rule("off", "4726", enabled=False),
        rule("out", "4726", direction="Outbound"),
        rule("udp", "4726", protocol="UDP"),
        rule("other", "4725"),
        rule("program", program="C:\\other.exe"),
        rule("service", program="System", service="other"),
        rule("elsewhere", "4726", action="Block", remote_addresses=("198.51.100.0/24",)),
        rule("console", "443"),
    ],
    ids=lambda one: str(one.name),
)
def test_a_foreign_rule_that_changes_nothing_is_not_mentioned(foreign: FirewallRule) -> None:
    assert plan_windows_firewall(WANTED, with_rules(foreign)) == WindowsPlan()


def test_uncovered_rules_are_disabled_never_deleted_and_can_be_put_back() -> None:
    foreign = (
        rule("telnet", "23"),
        rule("wide agent port", "4726"),
        rule("console too", "443"),
        rule("gateways too", "4726", remote_addresses=("203.0.113.1",)),
        rule("half", "443", "8080"),
        rule("any program", program="C:\\x.exe"),
        rule("rpc", "RPC"),
        rule("ping", protocol="1"),
        rule("off already", "23", enabled=False),
        rule("out", "23", direction="Outbound"),
    )
    plan = plan_windows_firewall(CLOSING, with_rules(*foreign))
    expected = ["telnet", "wide agent port", "half", "any program", "rpc", "ping"]
    assert disabled(plan) == expected
    assert {action.op for action in plan.actions} == {"firewall.enable"}
    assert {(c.action, c.before and c.before["enabled"], c.after and c.after["enabled"]) for c in plan.changes} == {
        (Action.UPDATE, True, False)
    }
    assert not messages(plan, "firewall-conflict"), "what is disabled is in nobody's way"
    after = applied(with_rules(*foreign), plan.actions)
    assert plan_windows_firewall(CLOSING, after).is_empty
    assert set(applied(after, plan.restore).firewall_rules) == set(with_rules(*foreign).firewall_rules)


@pytest.mark.parametrize("name", ["rdp", "Our Desktop", "Remote Desktop", "remote desktop"])
def test_what_keep_names_by_name_display_name_or_group_stays(name: str) -> None:
    foreign = rule("rdp", "3389", display="Our Desktop", group="@FirewallAPI.dll,-28752")
    assert disabled(plan_windows_firewall(CLOSING, with_rules(foreign))) == ["rdp"]
    kept = plan_windows_firewall(replace(CLOSING, keep=(name,)), with_rules(foreign))
    assert (disabled(kept), messages(kept, "keep-unknown")) == ([], [])


def test_a_name_in_keep_that_nothing_has_is_said() -> None:
    plan = plan_windows_firewall(replace(CLOSING, keep=("Remot Desktop",)), RIGHT)
    assert "Remot Desktop" in messages(plan, "keep-unknown")[0]


def test_core_networking_and_tolerated_ports_are_never_disabled() -> None:
    core = rule("CoreNet-DHCP-In", "68", protocol="UDP", group="@%windir%\\system32\\FirewallAPI.dll,-25000")
    tickle = rule("tickle", "50120-50124")
    desired = replace(CLOSING, tolerated=((50120, 50124),))
    assert disabled(plan_windows_firewall(desired, with_rules(core, tickle))) == []


def test_rules_of_a_group_policy_are_named_and_never_touched() -> None:
    plan = plan_windows_firewall(CLOSING, with_rules(rule("gpo", "23", policy=True)))
    assert plan.is_empty
    assert "gpo (group policy)" in messages(plan, "policy-rules")[0]


def test_report_lists_all_of_them_in_one_warning_and_ignore_none() -> None:
    found = with_rules(rule("a", "23"), rule("b", "24", policy=True))
    report = plan_windows_firewall(replace(WANTED, unspecified="report"), found)
    (message,) = messages(report, "unspecified-rules")
    assert report.is_empty
    assert "2 enabled inbound rules" in message
    assert "a, b (group policy)" in message
    assert plan_windows_firewall(WANTED, found) == WindowsPlan()


def test_a_domain_controller_is_warned_before_its_rules_are_disabled() -> None:
    found = replace(with_rules(rule("kerberos", "88")), domain_role=5)
    assert messages(plan_windows_firewall(CLOSING, found), "domain-controller")
    assert not messages(plan_windows_firewall(WANTED, found), "domain-controller")


def test_a_plan_that_closes_cemops_own_way_in_is_refused_and_does_nothing() -> None:
    desired = replace(CLOSING, management_port=15986)
    found = with_rules(rule("lab winrm", "15986"))
    plan = plan_windows_firewall(desired, found)
    (refusal,) = plan.refusals
    assert "TCP 15986" in refusal
    assert "lab winrm" in refusal
    assert "firewall.admin_port: 15986" in refusal
    assert (plan.actions, plan.restore) == ((), ())
    assert merged([plan, WindowsPlan()]).refusals == plan.refusals
    assert not plan_windows_firewall(replace(desired, keep=("lab winrm",)), found).refusals


def test_removing_the_own_rule_that_lets_cemops_in_is_refused() -> None:
    desired = replace(WANTED, rules=(CONSOLE, replace(ADMIN, port=22)))
    found = machine(ours("cemops-admin"), ours("cemops-console"))
    assert plan_windows_firewall(desired, found).refusals


def test_a_firewall_that_never_named_the_way_in_is_no_reason_to_refuse() -> None:
    assert not plan_windows_firewall(replace(CLOSING, management_port=22), RIGHT).refusals


def test_a_way_in_that_gets_narrower_is_said() -> None:
    desired = replace(CLOSING, rules=(CONSOLE, replace(ADMIN, sources=("10.20.9.0/24",))))
    plan = plan_windows_firewall(desired, machine(WINRM))
    assert disabled(plan) == ["WINRM-HTTPS"]
    assert plan.refusals == ()
    assert "10.20.9.0/24 only" in messages(plan, "way-in-narrowed")[0]
    assert [action.op for action in plan.actions] == ["firewall.set", "firewall.set", "firewall.enable"]
    assert [(action.op, action.fields["enabled"]) for action in plan.restore] == [("firewall.enable", True)]


PORTS = st.sampled_from(["443", "4726", "5986", "23", "4000-5000", "RPC", "1-65535"])
SOURCES = st.sampled_from(["203.0.113.1", "203.0.113.0/28", "10.0.0.0/8", "2001:db8::/32", "LocalSubnet"])
RULES = st.builds(
    FirewallRule,
    name=st.sampled_from(["cemops-agent-site", "cemops-console", "cemops-old", "a", "b", "c", "WINRM-HTTPS"]),
    enabled=st.booleans(),
    direction=st.sampled_from(["Inbound", "Outbound"]),
    action=st.sampled_from(["Allow", "Block"]),
    protocol=st.sampled_from(["TCP", "UDP", "any", "58"]),
    local_ports=st.lists(PORTS, max_size=2, unique=True).map(tuple),
    remote_addresses=st.lists(SOURCES, max_size=2, unique=True).map(tuple),
    group=st.sampled_from(["cemops", "", "@FirewallAPI.dll,-25000"]),
    profiles=st.sampled_from([(), ("Domain",)]),
    program=st.sampled_from(["", "System", "C:\\x.exe"]),
    service=st.sampled_from(["", "w3svc"]),
    policy=st.booleans(),
    conditions=st.sampled_from([(), ("rport=1",)]),
)
MACHINES = st.lists(RULES, max_size=8, unique_by=lambda one: (one.name, one.policy)).map(lambda rules: machine(*rules))


@given(MACHINES, st.sampled_from(["ignore", "report", "disable"]))
def test_after_an_apply_the_next_plan_is_empty_and_the_way_in_is_open(found: ObservedWindows, unspecified: Any) -> None:
    desired = replace(WANTED, unspecified=unspecified)
    plan = plan_windows_firewall(desired, found)
    after = applied(found, plan.actions)
    again = plan_windows_firewall(desired, after)
    assert (again.changes, again.actions) == ((), ())
    assert any(lets_in(one) and reaches(one, 5986) for one in after.firewall_rules)
    assert {one for one in after.firewall_rules if one.policy} == {one for one in found.firewall_rules if one.policy}


@given(MACHINES)
def test_what_was_open_before_is_open_again_when_the_dead_man_fires(found: ObservedWindows) -> None:
    plan = plan_windows_firewall(CLOSING, found)
    back = applied(applied(found, plan.actions), plan.restore)
    switched = {one.name: one.enabled for one in back.firewall_rules if not one.policy}
    for one in found.firewall_rules:
        if one.policy or (one.protocol not in ("TCP", "UDP") and one.name not in switched):
            continue
        assert switched[one.name] == one.enabled


@given(MACHINES)
def test_under_disable_nothing_foreign_opens_more_than_is_declared(found: ObservedWindows) -> None:
    after = applied(found, plan_windows_firewall(CLOSING, found).actions)
    for one in after.firewall_rules:
        if lets_in(one) and not one.policy and one.group != "@FirewallAPI.dll,-25000" and reaches(one, 4726):
            assert within(one.remote_addresses, AGENT_SITE.sources)
