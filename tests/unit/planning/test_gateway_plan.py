"""The plan of one gateway: what is seen, what is done about it, and that applying it leaves nothing to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cemops.model.observed import ObservedGateway, PendingSwitch
from cemops.planning.changes import Action, Resource
from cemops.planning.gateway import GatewayPlan, plan_gateway
from cemops.planning.revocation import LiveTrust
from cemops.planning.service import ServiceStep
from tests.unit.planning.gateway_situations import (
    NAME,
    NOW,
    applied,
    certificate,
    desired,
    material,
    observed,
    observed_file,
    touched,
)

NOTHING_LIVE = LiveTrust()


def settled(text: str = "Listen 443\n", connections: int = 50) -> tuple[ObservedGateway, LiveTrust]:
    """A host on which the gateway was applied."""
    fresh = observed()
    plan = plan_gateway(desired(fresh, NOTHING_LIVE, text=text, connections=connections), fresh, NOTHING_LIVE, NOW)
    return applied(plan, fresh)


def plan_of(here: ObservedGateway, live: LiveTrust, text: str = "Listen 443\n", connections: int = 50) -> GatewayPlan:
    return plan_gateway(desired(here, live, text=text, connections=connections), here, live, NOW)


def kinds(plan: GatewayPlan) -> list[tuple[Resource, str, Action]]:
    return [(change.resource, change.name, change.action) for change in plan.changes]


def test_fresh_host_gets_account_certificate_files_and_service() -> None:
    plan = plan_of(observed(), NOTHING_LIVE)
    assert kinds(plan) == [
        (Resource.ACCOUNT, "cemgw", Action.CREATE),
        (Resource.CERTIFICATE, "gw1.northwind.example", Action.CREATE),
        (Resource.FILE, "httpd.conf", Action.CREATE),
        (Resource.FILE, "client-ca.pem", Action.CREATE),
        (Resource.CRL, "client-crl.pem", Action.CREATE),
        (Resource.SERVICE, "httpd", Action.CREATE),
    ]
    assert plan.switch
    assert plan.service is ServiceStep.START
    assert plan.place_certificate


def test_second_plan_is_empty() -> None:
    here, live = settled()
    plan = plan_of(here, live)
    assert plan.is_empty
    assert not plan.switch
    assert plan.service is ServiceStep.NONE


@given(st.text(st.characters(codec="ascii", exclude_characters="\x00\r"), max_size=40), st.integers(1, 3000))
def test_apply_then_plan_is_empty(text: str, connections: int) -> None:
    fresh = observed()
    before, live_before = settled("Listen 444\n", 80)
    for here, live in ((fresh, NOTHING_LIVE), (before, live_before)):
        after, live_after = applied(plan_of(here, live, text + "\n", connections), here)
        assert plan_of(after, live_after, text + "\n", connections).is_empty


@given(st.sampled_from(["httpd.conf", "client-ca.pem", "client-crl.pem"]), st.text(max_size=30))
def test_hand_edit_of_any_file_is_seen_and_mended_by_a_new_folder(name: str, text: str) -> None:
    here, live = settled()
    edited = touched(here, name, f"{text} by hand\n")
    plan = plan_of(edited, live)
    assert name in {change.name for change in plan.changes}
    assert plan.release is not None
    assert plan.release.name not in edited.releases
    after, live_after = applied(plan, edited)
    assert after.releases[str(here.current)] == edited.releases[str(here.current)]
    assert plan_of(after, live_after).is_empty


def test_changed_permissions_of_a_live_file_are_mended() -> None:
    here, live = settled()
    name = str(here.current)
    loose = {**here.releases[name], "httpd.conf": observed_file(here.live_files["httpd.conf"], "666")}
    plan = plan_of(replace(here, releases={name: loose}), live)
    assert plan.changes[0].reason.startswith("the live release was touched by hand")
    assert plan.switch


def test_extra_file_in_the_live_release_is_removed_by_a_new_folder() -> None:
    here, live = settled()
    name = str(here.current)
    more = {**here.releases[name], "extra.conf": observed_file("Listen 80\n")}
    plan = plan_of(replace(here, releases={name: more}), live)
    assert (Resource.FILE, "extra.conf", Action.DELETE) in kinds(plan)
    assert plan.release is not None
    assert plan.release.name.endswith(".2")


def test_intact_release_that_is_not_live_is_used_again() -> None:
    here, live = settled()
    first = str(here.current)
    other, live_other = applied(plan_of(here, live, "Listen 444\n"), here)
    back = plan_of(other, live_other)
    assert back.release is not None
    assert (back.release.name, back.release.exists) == (first, True)


def test_diff_shows_only_what_differs_and_never_the_release_folder() -> None:
    here, live = settled()
    plan = plan_of(here, live, "Listen 444\n")
    change = plan.changes[0]
    assert change.diff is not None
    changed = [line for line in change.diff.splitlines() if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert changed == ["-Listen 443", "+Listen 444"]
    assert "@release@" not in change.diff


def test_dead_httpd_is_started_without_a_new_release() -> None:
    here, live = settled()
    plan = plan_of(replace(here, service=replace(here.service, running=False)), live)
    assert kinds(plan) == [(Resource.SERVICE, "httpd", Action.CREATE)]
    assert not plan.switch
    assert plan.service is ServiceStep.START


def test_httpd_that_has_not_loaded_the_current_release_is_reloaded() -> None:
    here, live = settled()
    plan = plan_of(replace(here, service=replace(here.service, loaded="other.1")), live)
    assert plan.service is ServiceStep.RELOAD
    assert not plan.switch


def test_capacity_change_restarts_and_says_that_tunnels_drop() -> None:
    here, live = settled(connections=50)
    plan = plan_of(here, live, connections=500)
    assert plan.service is ServiceStep.RESTART
    assert [warning.code for warning in plan.changes[-1].warnings] == ["tunnels-drop"]


def test_live_certificate_that_pki_does_not_know_is_kept() -> None:
    here, live = settled()
    stranger = certificate("B")
    plan = plan_of(here, replace(live, certificate=stranger))
    assert plan.cut_off == ()
    assert "unrecorded-certificate" in {warning.code for change in plan.changes for warning in change.warnings} | {
        warning.code for warning in plan.warnings
    }


def test_replaced_live_thumbprint_is_listed_as_cut_off() -> None:
    here, live = settled()
    expired = certificate("B", not_after=NOW - timedelta(days=1))
    plan = plan_of(here, replace(live, certificate=expired))
    change = next(change for change in plan.changes if change.resource is Resource.CERTIFICATE)
    assert change.action is Action.REPLACE
    assert "agents-cut-off" in {warning.code for warning in change.warnings}
    assert len(plan.cut_off) == 1
    assert expired.sha1 in plan.cut_off[0]


def test_unknown_crl_makes_the_release_known_only_after_apply() -> None:
    fresh = observed()
    wanted = desired(fresh, NOTHING_LIVE)
    wanted = replace(wanted, files={**wanted.files, "client-crl.pem": None})
    plan = plan_gateway(wanted, fresh, NOTHING_LIVE, NOW)
    assert plan.release is None
    assert plan.switch
    change = next(change for change in plan.changes if change.name == "client-crl.pem")
    assert change.after == {"content": "(known after apply)"}
    assert change.diff is None


def test_pending_switch_is_shown_and_keeps_the_plan_from_being_empty() -> None:
    here, live = settled()
    waiting = PendingSwitch("token", None, str(here.current), NOW + timedelta(seconds=30), timer_alive=True)
    plan = plan_of(replace(here, pending=waiting), live)
    assert not plan.is_empty
    assert [warning.code for warning in plan.changes[0].warnings] == ["pending-switch"]


def test_unresolved_new_name_is_an_error_and_a_live_one_a_warning() -> None:
    fresh = observed(resolved={})
    assert any(NAME in error for error in plan_of(fresh, NOTHING_LIVE).errors)
    listed = f'<ProxyMatch "(?i)^{NAME.replace(".", "[.]")}:4726$">\n'
    here, live = settled(listed)
    plan = plan_of(replace(here, resolved={}), live, listed)
    assert plan.errors == ()
    assert "name-unresolved" in {warning.code for warning in plan.warnings}


def test_name_on_loopback_link_local_or_the_gateway_itself_is_an_error() -> None:
    for address in ("127.0.0.1", "127.8.9.10", "::1", "169.254.1.1", "fe80::1%eth0", "203.0.113.11"):
        fresh = observed(resolved={NAME: (address,)})
        assert any(address.partition("%")[0] in error for error in plan_of(fresh, NOTHING_LIVE).errors), address


def test_refused_certificate_is_an_error_of_the_plan() -> None:
    fresh = observed()
    wanted = desired(fresh, NOTHING_LIVE)
    wanted = replace(wanted, choice=replace(wanted.choice, action="refuse", reasons=("no such thumbprint",)))
    assert "no such thumbprint" in plan_gateway(wanted, fresh, NOTHING_LIVE, NOW).errors


def test_missing_httpd_says_what_to_install() -> None:
    plan = plan_of(observed(httpd=None), NOTHING_LIVE)
    assert any("apt-get install apache2" in error for error in plan.errors)


def test_gateway_never_runs_as_root() -> None:
    here = observed()
    wanted = desired(here, NOTHING_LIVE, service={"manager": "direct", "account": "root"})
    assert any("run as root" in error for error in plan_gateway(wanted, here, NOTHING_LIVE, NOW).errors)


def test_clock_that_differs_is_a_warning_and_a_record_has_none() -> None:
    here, live = settled()
    late = replace(here, clock=NOW - timedelta(hours=1), observer_clock=NOW)
    assert "clock-differs" in {warning.code for warning in plan_of(late, live).warnings}
    assert plan_of(replace(late, observer_clock=None), live).warnings == plan_of(here, live).warnings


def test_removed_authority_warns_that_its_agents_are_cut_off() -> None:
    here, live = settled()
    former = replace(live, authorities=(*live.authorities, replace(certificate("D"), subject="CN=Former", is_ca=True)))
    plan = plan_of(here, former, "Listen 444\n")
    codes = {warning.code for change in plan.changes for warning in change.warnings}
    assert "agents-cut-off" in codes


def test_authority_without_crl_is_a_warning_that_names_it() -> None:
    fresh = observed()
    wanted = desired(fresh, NOTHING_LIVE)
    wanted = replace(wanted, materials=replace(wanted.materials, authorities=(material("C", crl=None),)))
    plan = plan_gateway(wanted, fresh, NOTHING_LIVE, NOW)
    found = [warning for change in plan.changes for warning in change.warnings if warning.code == "no-crl"]
    assert [("root-c" in warning.message, warning.fact) for warning in found] == [(True, "CE-08")]


def test_a_hand_edit_is_told_from_a_change_of_the_estate() -> None:
    here, live = settled()
    by_hand = plan_of(touched(here, "httpd.conf", "Listen 443\nLogLevel debug\n"), live)
    assert "edited by hand" in by_hand.changes[0].reason
    by_estate = plan_of(here, live, "Listen 444\n")
    assert "edited by hand" not in by_estate.changes[0].reason


def test_a_plan_says_what_it_takes_from_agents() -> None:
    listed = '<ProxyMatch "(?i)^ps1[.]corp[.]example:4726$">\n<ProxyMatch "(?i)^ps2[.]corp[.]example:4726$">\n'
    here, live = settled(f"Listen 127.0.0.1:443 https\n{listed}")
    plan = plan_of(here, live, f"Listen 127.0.0.1:8443 https\n{listed.splitlines()[0]}\n")
    said = {warning.code: warning.message for change in plan.changes for warning in change.warnings}
    assert "port 443" in said["agents-cut-off"]
    assert "ps2.corp.example:4726" in said["targets-removed"]
    assert "ps1" not in said["targets-removed"]


def test_a_plan_that_cannot_be_proven_says_so_and_an_empty_one_does_not() -> None:
    here, live = settled()
    unproven = replace(desired(here, live, text="Listen 444\n"), unproven=("ns1",))
    assert "not-proven" in {warning.code for warning in plan_gateway(unproven, here, live, NOW).warnings}
    empty = replace(desired(here, live), unproven=("ns1",))
    assert plan_gateway(empty, here, live, NOW).warnings == ()


def test_a_plan_that_only_adds_takes_nothing_from_agents() -> None:
    here, live = settled("Listen 443\n")
    plan = plan_of(here, live, 'Listen 443\nListen 444\n<ProxyMatch "(?i)^ps1:4726$">\n')
    assert not [warning for change in plan.changes for warning in change.warnings]
