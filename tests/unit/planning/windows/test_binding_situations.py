"""Bindings and http.sys entries as they are found: one test a situation, and one a bug that others had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cemops.model.windows_observed import IisBinding, ObservedWindows, SslEntry
from cemops.planning.changes import Action, Resource
from cemops.planning.windows.desired import DesiredSiteServer
from cemops.planning.windows.endpoints import IIS_APP_ID, endpoint_of
from cemops.planning.windows.plan import WindowsPlan
from cemops.planning.windows.site_server import plan_site_server
from tests.unit.planning.windows.server_situations import (
    FQDN,
    NEIGHBOUR,
    NEW,
    NOW,
    OLD,
    OTHER_APP_ID,
    SITE,
    binding,
    cem,
    codes,
    entry,
    http,
    https,
    local,
    machine,
    operations,
    pfx,
    site,
    site_server,
)
from tests.unit.planning.windows.simulated_machine import SimulatedMachine, known

ROLLOUT = cem(install_certificate=True, material=pfx(NEW))
FORCED = replace(ROLLOUT, force_overwrite=True)


def plan(desired: DesiredSiteServer, observed: ObservedWindows) -> WindowsPlan:
    return plan_site_server(desired, observed, NOW)


def after(result: WindowsPlan, observed: ObservedWindows) -> ObservedWindows:
    return SimulatedMachine(observed, known(OLD, NEW, NEIGHBOUR)).apply(result.actions)


def thumbprint_at(observed: ObservedWindows, endpoint: str) -> str | None:
    return next((one.thumbprint for one in observed.ssl_entries if one.endpoint == endpoint), None)


@pytest.mark.parametrize(
    ("found", "kind", "endpoint"),
    [
        (binding(443), "ipport", "0.0.0.0:443"),
        (binding(443, address="10.0.0.5"), "ipport", "10.0.0.5:443"),
        (binding(443, address="[::]"), "ipport", "[::]:443"),
        (binding(443, address="[2001:DB8:0::1]"), "ipport", "[2001:db8::1]:443"),
        (binding(443, host="WWW.example", flags=1), "hostnameport", "www.example:443"),
        (binding(443, host="www.example", flags=0), "ipport", "0.0.0.0:443"),
        (binding(443, host="www.example", flags=3), "ccs", "443"),
        (binding(443, flags=2), "ccs", "443"),
        (binding(443, host="www.example", flags=1 | 8 | 32), "hostnameport", "www.example:443"),
    ],
)
def test_a_binding_has_its_endpoint_in_one_table_of_http_sys(found: IisBinding, kind: str, endpoint: str) -> None:
    resolved = endpoint_of(found)
    assert (resolved.kind, resolved.name) == (kind, endpoint)


def test_a_port_that_another_site_has_is_an_error_without_take_port() -> None:
    observed = machine(site(), site(binding(4726), name="Other"), entries=(entry(4726, NEIGHBOUR),), my=(NEIGHBOUR,))
    result = plan(site_server(FORCED), observed)
    assert result.actions == ()
    (error,) = result.errors
    assert "Other" in error
    assert "take_port" in error


def test_take_port_takes_the_binding_and_leaves_the_certificate_to_its_own_flag() -> None:
    observed = machine(site(), site(binding(4726), name="Other"), entries=(entry(4726, NEIGHBOUR),), my=(NEIGHBOUR,))
    result = plan(site_server(replace(ROLLOUT, take_port=True)), observed)
    assert operations(result) == ["certificate.import_pfx", "iis.binding_remove", "iis.binding_add"]
    assert {"port-taken", "endpoint-kept"} <= codes(result)
    assert thumbprint_at(after(result, observed), "0.0.0.0:4726") == NEIGHBOUR.sha1
    (line,) = result.cut_off
    assert "Other" in line
    assert [one.op for one in result.restore] == ["iis.binding_remove", "iis.binding_add"]


def test_take_port_with_force_overwrite_takes_the_binding_and_replaces_the_certificate() -> None:
    observed = machine(site(), site(binding(4726), name="Other"), entries=(entry(4726, NEIGHBOUR),), my=(NEIGHBOUR,))
    result = plan(site_server(replace(FORCED, take_port=True)), observed)
    assert thumbprint_at(after(result, observed), "0.0.0.0:4726") == NEW.sha1
    assert not after(result, observed).sites[1].bindings
    assert any("Other" in line for line in result.cut_off)
    assert [one.op for one in result.restore] == ["iis.binding_remove", "iis.binding_add", "sslcert.set"]


def test_take_port_takes_no_binding_for_another_host_name() -> None:
    neighbour = binding(4726, host="www.example", flags=1)
    observed = machine(site(), site(neighbour, name="Other"))
    result = plan(site_server(replace(FORCED, take_port=True)), observed)
    assert after(result, observed).sites[1].bindings == (neighbour,)
    assert result.cut_off == ()


def test_a_binding_that_two_sites_have_is_reported_and_taken_with_take_port_only() -> None:
    observed = machine(site(binding(4726)), site(binding(4726), name="Other"), entries=(entry(4726, NEW),), my=(NEW,))
    left = plan(site_server(ROLLOUT), observed)
    assert left.is_empty
    assert "port-contested" in codes(left)
    taken = plan(site_server(replace(ROLLOUT, take_port=True)), observed)
    assert operations(taken) == ["iis.binding_remove"]
    assert "Other" in taken.cut_off[0]
    assert plan(site_server(replace(ROLLOUT, take_port=True)), after(taken, observed)).is_empty


def test_force_overwrite_takes_no_port_and_purges_nothing() -> None:
    observed = machine(site(binding(4726), binding(9443)), entries=(entry(4726), entry(9443)), my=(OLD,))
    reached = after(plan(site_server(FORCED), observed), observed)
    assert reached.sites == observed.sites
    assert thumbprint_at(reached, "0.0.0.0:9443") == OLD.sha1


def test_http_sys_without_a_certificate_for_a_binding_is_mended_without_force_and_cuts_nobody_off() -> None:
    result = plan(site_server(ROLLOUT), machine(site(binding(4726)), my=(NEW,)))
    assert operations(result) == ["sslcert.set"]
    assert "http-sys-disagrees" in codes(result)
    assert result.cut_off == ()
    assert result.restore == ()


def test_a_binding_that_a_wildcards_entry_answers_is_left_and_gets_its_own_entry_with_force() -> None:
    observed = machine(site(binding(4726, address="10.0.0.5")), entries=(entry(4726, OLD),), my=(OLD, NEW))
    left = plan(site_server(ROLLOUT), observed)
    assert left.is_empty
    assert "rollout-left-binding" in codes(left)
    forced = plan(site_server(FORCED), observed)
    reached = after(forced, observed)
    assert thumbprint_at(reached, "0.0.0.0:4726") == OLD.sha1
    assert thumbprint_at(reached, "10.0.0.5:4726") == NEW.sha1
    assert len(forced.cut_off) == 1
    assert [one.op for one in forced.restore] == ["sslcert.remove"]


def test_the_dead_man_does_not_try_to_put_back_an_entry_whose_certificate_is_gone() -> None:
    observed = machine(site(binding(4726), binding(9443)), entries=(entry(4726, NEW), entry(9443, "9" * 40)), my=(NEW,))
    result = plan(site_server(replace(ROLLOUT, purge_bindings=True)), observed)
    assert operations(result) == ["iis.binding_remove", "sslcert.remove"]
    assert [one.op for one in result.restore] == ["iis.binding_add"]


def test_an_entry_whose_certificate_is_gone_is_reported_and_replaced_with_force_only() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, "9" * 40),), my=(NEW,))
    assert operations(plan(site_server(ROLLOUT), observed)) == []
    assert "http-sys-disagrees" in codes(plan(site_server(ROLLOUT), observed))
    forced = plan(site_server(FORCED), observed)
    assert operations(forced) == ["sslcert.set"]
    assert forced.cut_off == ()


def test_an_orphaned_entry_of_iis_on_our_endpoint_is_replaced_and_named() -> None:
    observed = machine(site(), entries=(entry(4726, OLD),), my=(OLD, NEW))
    result = plan(site_server(ROLLOUT), observed)
    assert operations(result) == ["sslcert.set", "iis.binding_add"]
    assert "orphaned-entry" in codes(result)
    assert result.cut_off == ()


def test_an_entry_of_another_program_on_our_endpoint_stays_without_force() -> None:
    observed = machine(site(), entries=(entry(4726, OLD, app_id=OTHER_APP_ID),), my=(OLD, NEW))
    result = plan(site_server(ROLLOUT), observed)
    assert operations(result) == ["iis.binding_add"]
    assert "endpoint-kept" in codes(result)
    forced = plan(site_server(FORCED), observed)
    assert any("another program" in line for line in forced.cut_off)
    assert after(forced, observed).ssl_entries[0].app_id == OTHER_APP_ID


def test_an_orphaned_entry_elsewhere_is_only_reported() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, NEW), entry(9000, OLD)), my=(OLD, NEW))
    result = plan(site_server(FORCED), observed)
    assert result.is_empty
    assert any("0.0.0.0:9000" in one.message for one in result.warnings if one.code == "orphaned-entry")


def test_an_entry_of_another_program_elsewhere_is_not_mentioned() -> None:
    observed = machine(
        site(binding(4726)), entries=(entry(4726, NEW), entry(5986, OLD, app_id=OTHER_APP_ID)), my=(NEW,)
    )
    assert "orphaned-entry" not in codes(plan(site_server(FORCED), observed))


@pytest.mark.parametrize(
    "other",
    [
        SslEntry("hostnameport", f"{FQDN}:4726", OLD.sha1, app_id=IIS_APP_ID),
        SslEntry("ipport", "10.0.0.5:4726", OLD.sha1, app_id=OTHER_APP_ID),
        SslEntry("ipport", "[::]:4726", OLD.sha1, app_id=OTHER_APP_ID),
        SslEntry("ccs", "4726", "", app_id=OTHER_APP_ID),
    ],
)
def test_an_entry_that_answers_before_ours_is_reported_and_left(other: SslEntry) -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, OLD), other), my=(OLD, NEW))
    result = plan(site_server(FORCED), observed)
    assert "shadowed-endpoint" in codes(result)
    assert other in after(result, observed).ssl_entries


def test_a_wildcard_beside_our_host_name_binding_is_reported_as_answering_clients_without_a_name() -> None:
    found = binding(4726, host=FQDN, flags=1)
    own = SslEntry("hostnameport", f"{FQDN}:4726", NEW.sha1, app_id=IIS_APP_ID)
    observed = machine(site(found), entries=(own, entry(4726, OLD, app_id=OTHER_APP_ID)), my=(OLD, NEW))
    result = plan(site_server(ROLLOUT), observed)
    assert result.is_empty
    assert any("no server name" in one.message for one in result.warnings if one.code == "shadowed-endpoint")


def test_sites_that_share_the_endpoint_are_named_as_changing_too() -> None:
    shared = binding(4726, host="www.example")
    observed = machine(site(binding(4726)), site(shared, name="Other"), entries=(entry(4726, OLD),), my=(OLD, NEW))
    result = plan(site_server(FORCED), observed)
    assert "shared-endpoint" in codes(result)
    assert len(result.cut_off) == 2
    assert any("Other" in line and "www.example:4726" in line for line in result.cut_off)


def test_a_new_binding_on_an_endpoint_that_another_site_uses_leaves_its_certificate_without_force() -> None:
    shared = binding(4726, host="www.example")
    observed = machine(site(), site(shared, name="Other"), entries=(entry(4726, NEIGHBOUR),), my=(NEIGHBOUR, NEW))
    result = plan(site_server(ROLLOUT), observed)
    assert operations(result) == ["iis.binding_add"]
    assert "endpoint-kept" in codes(result)


def test_two_sni_bindings_keep_a_certificate_each() -> None:
    ours, theirs = binding(4726, host=FQDN, flags=1), binding(4726, host="www.example", flags=1)
    entries = (
        SslEntry("hostnameport", f"{FQDN}:4726", OLD.sha1, app_id=IIS_APP_ID),
        SslEntry("hostnameport", "www.example:4726", NEIGHBOUR.sha1, app_id=IIS_APP_ID),
    )
    observed = machine(site(ours), site(theirs, name="Other"), entries=entries, my=(OLD, NEIGHBOUR, NEW))
    result = plan(site_server(FORCED), observed)
    reached = after(result, observed)
    assert thumbprint_at(reached, f"{FQDN}:4726") == NEW.sha1
    assert thumbprint_at(reached, "www.example:4726") == NEIGHBOUR.sha1
    assert len(result.cut_off) == 1


def test_a_binding_from_the_central_store_is_reported_and_left() -> None:
    observed = machine(site(binding(4726, flags=2)), entries=(SslEntry("ccs", "4726", ""),))
    result = plan(site_server(replace(FORCED, purge_bindings=True)), observed)
    assert result.is_empty
    assert "central-store" in codes(result)


def test_replacing_a_certificate_keeps_application_id_and_settings() -> None:
    held = entry(4726, OLD, app_id="{bbbbbbbb-0000-0000-0000-000000000002}", settings={"DefaultFlags": 1})
    reached = after(
        plan(site_server(FORCED), machine(site(binding(4726)), entries=(held,), my=(OLD,))),
        machine(site(binding(4726)), entries=(held,), my=(OLD,)),
    )
    assert reached.ssl_entries == (replace(held, thumbprint=NEW.sha1, store="My"),)


def test_a_binding_that_stands_twice_is_reported_and_never_removed() -> None:
    observed = machine(site(binding(4726), binding(9443), binding(9443)), entries=(entry(4726, NEW),), my=(NEW,))
    result = plan(site_server(ROLLOUT), observed)
    assert result.is_empty
    assert "duplicate-binding" in codes(result)
    purging = plan(site_server(replace(ROLLOUT, purge_bindings=True)), observed)
    assert purging.actions == ()
    assert "twice" in purging.errors[0]


def test_purge_removes_the_sites_other_tls_bindings_and_nobody_elses() -> None:
    observed = machine(
        site(binding(4726), binding(9443), binding(4726, host="old.example", flags=1), binding(80, protocol="http")),
        site(binding(9444), name="Other"),
        entries=(
            entry(4726, NEW),
            entry(9443, OLD),
            entry(9444, NEIGHBOUR),
            SslEntry("hostnameport", "old.example:4726", OLD.sha1, app_id=IIS_APP_ID),
        ),
        my=(OLD, NEW, NEIGHBOUR),
    )
    result = plan(site_server(replace(ROLLOUT, purge_bindings=True)), observed)
    reached = after(result, observed)
    assert [one.information for one in reached.sites[0].bindings] == ["*:4726:", "*:80:"]
    assert reached.sites[1] == observed.sites[1]
    assert [one.endpoint for one in reached.ssl_entries] == ["0.0.0.0:4726", "0.0.0.0:9444"]
    assert len(result.cut_off) == 2
    assert plan(site_server(replace(ROLLOUT, purge_bindings=True)), reached).is_empty


def test_purge_keeps_what_is_declared_for_the_other_purpose_even_where_that_is_off() -> None:
    observed = machine(site(binding(4726), binding(443)), entries=(entry(4726, NEW), entry(443, OLD)), my=(OLD, NEW))
    result = plan(site_server(replace(ROLLOUT, purge_bindings=True)), observed)
    assert result.is_empty
    assert any("https is off" in one.message for one in result.warnings if one.code == "binding-left")


def test_purge_waits_until_its_own_binding_stands() -> None:
    observed = machine(site(binding(9443)), entries=(entry(9443, NEIGHBOUR),), my=(NEIGHBOUR,))
    result = plan(site_server(cem(purge_bindings=True)), observed)
    assert result.actions == ()
    assert "no-binding" in codes(result)


def test_a_switched_off_binding_goes_under_its_own_purge_only() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726),), my=(OLD,))
    assert plan(site_server(cem(enabled=False)), observed).is_empty
    purging = plan(site_server(cem(enabled=False, purge_bindings=True)), observed)
    reached = after(purging, observed)
    assert reached.sites[0].bindings == ()
    assert reached.ssl_entries == ()
    assert len(purging.cut_off) == 1


def test_a_switched_off_http_binding_is_named_and_left() -> None:
    observed = machine(site(binding(80, protocol="http")))
    result = plan(site_server(), observed)
    assert result.is_empty
    assert any("http is off" in one.message for one in result.warnings if one.code == "binding-left")


def test_an_http_binding_is_made_and_moved_but_never_taken_from_another_site() -> None:
    assert operations(plan(site_server(http()), machine(site()))) == ["iis.binding_add"]
    old = machine(site(binding(80, protocol="http")))
    moved = plan(site_server(http(port=8080)), old)
    assert [one.information for one in after(moved, old).sites[0].bindings] == ["*:8080:"]
    assert "agents inside by HTTP" in moved.cut_off[0]
    taken = plan(site_server(http()), machine(site(), site(binding(80, protocol="http"), name="Other")))
    assert taken.actions == ()
    assert "Other" in taken.errors[0]


def test_plain_http_on_the_tls_port_is_an_error() -> None:
    result = plan(site_server(FORCED), machine(site(binding(4726, protocol="http"))))
    assert result.actions == ()
    assert "http *:4726:" in result.errors[0]


def test_two_purposes_on_one_port_are_an_error() -> None:
    result = plan(site_server(https(port=4726), ROLLOUT), machine(site()))
    assert result.actions == ()
    assert "https and cem" in result.errors[0]


def test_a_missing_site_is_an_error_that_names_the_sites_there_are() -> None:
    result = plan(site_server(ROLLOUT), machine(site(name="Web")))
    assert "Web" in result.errors[0]
    assert SITE in result.errors[0]


def test_a_changed_port_moves_the_binding_with_its_certificate_and_adds_no_second_one() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, OLD),), my=(OLD,))
    result = plan(site_server(cem(port=8443)), observed)
    reached = after(result, observed)
    assert [one.information for one in reached.sites[0].bindings] == ["*:8443:"]
    assert [(one.endpoint, one.thumbprint) for one in reached.ssl_entries] == [("0.0.0.0:8443", OLD.sha1)]
    assert operations(result)[-2:] == ["iis.binding_remove", "sslcert.remove"]
    change = next(one for one in result.changes if one.resource is Resource.IIS_BINDING)
    assert change.action is Action.UPDATE
    assert "4726" in str(change.before)
    assert "8443" in str(change.after)
    (line,) = result.cut_off
    assert "cloud-enabled agents" in line
    assert "4726" in line
    assert [one.op for one in result.restore] == ["sslcert.set", "iis.binding_add", "iis.binding_remove"]
    assert plan(site_server(cem(port=8443)), reached).is_empty


def test_a_changed_port_with_install_on_moves_the_binding_and_delivers_the_new_certificate() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, OLD),), my=(OLD,))
    reached = after(plan(site_server(replace(ROLLOUT, port=8443)), observed), observed)
    assert [one.information for one in reached.sites[0].bindings] == ["*:8443:"]
    assert [(one.endpoint, one.thumbprint) for one in reached.ssl_entries] == [("0.0.0.0:8443", NEW.sha1)]


def test_an_unusual_port_is_the_old_one_where_it_serves_the_certificate_of_this_purpose() -> None:
    observed = machine(site(binding(443), binding(47260)), entries=(entry(443, OLD), entry(47260, NEW)), my=(OLD, NEW))
    desired = site_server(https(), replace(ROLLOUT, port=47261))
    reached = after(plan(desired, observed), observed)
    assert [one.information for one in reached.sites[0].bindings] == ["*:443:", "*:47261:"]


def test_an_undeclared_binding_of_somebody_else_is_left_and_named_when_ours_is_made() -> None:
    observed = machine(site(binding(443), binding(9443)), entries=(entry(443, NEW), entry(9443, NEW)), my=(NEW,))
    result = plan(site_server(https(), ROLLOUT), observed)
    assert {one.information for one in after(result, observed).sites[0].bindings} == {"*:443:", "*:9443:", "*:4726:"}
    assert "undeclared-binding" in codes(result)
    assert result.cut_off == ()


def test_a_port_is_not_closed_while_the_certificate_of_its_successor_is_still_to_be_made() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, NEIGHBOUR),), my=(NEIGHBOUR,))
    result = plan(site_server(cem(port=8443, install_certificate=True, material=local())), observed)
    assert result.to_make == ("cem",)
    assert "iis.binding_remove" not in operations(result)
    assert any(one.action is Action.DELETE for one in result.changes)
    assert len(result.cut_off) == 1


def test_a_binding_for_a_host_name_or_a_single_address_is_never_the_old_one() -> None:
    for found in (binding(4726, host="old.example"), binding(4726, address="10.0.0.5"), binding(4726, flags=2)):
        observed = machine(site(found), entries=(entry(4726, OLD),), my=(OLD, NEW))
        result = plan(site_server(replace(ROLLOUT, port=8443)), observed)
        assert found in after(result, observed).sites[0].bindings
        assert result.cut_off == ()


def test_the_old_endpoints_entry_stays_where_another_site_uses_it() -> None:
    shared = binding(4726, host="www.example")
    observed = machine(site(binding(4726)), site(shared, name="Other"), entries=(entry(4726, OLD),), my=(OLD,))
    reached = after(plan(site_server(cem(port=8443)), observed), observed)
    assert thumbprint_at(reached, "0.0.0.0:4726") == OLD.sha1
    assert thumbprint_at(reached, "0.0.0.0:8443") == OLD.sha1


def test_an_ipv6_binding_is_an_endpoint_of_its_own_and_does_not_stand_for_ours() -> None:
    observed = machine(site(binding(4726, address="[::]")), my=(NEW,))
    result = plan(site_server(ROLLOUT), observed)
    assert {one.information for one in after(result, observed).sites[0].bindings} == {"[::]:4726:", "*:4726:"}


def test_a_thumbprint_in_lower_case_is_the_same_certificate() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, NEW.sha1.lower()),), my=(NEW,))
    assert plan(site_server(FORCED), observed).is_empty


def test_an_entry_by_sha_256_is_the_same_certificate() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, NEW.sha256),), my=(NEW,))
    assert plan(site_server(FORCED), observed).is_empty


def test_every_change_names_its_fact() -> None:
    observed = machine(site(binding(4726), binding(9443)), entries=(entry(4726), entry(9443)), my=(OLD,))
    result = plan(site_server(http(), https(), replace(FORCED, purge_bindings=True)), observed)
    assert result.changes
    for change in result.changes:
        assert "SS-" in change.reason or "CE-" in change.reason
