"""SS-05, row by row, as a site server's CEM binding meets it."""

from __future__ import annotations

import pytest

from cemops.model.windows_observed import ObservedWindows
from cemops.planning.changes import Action, Resource
from cemops.planning.windows.plan import WindowsPlan
from cemops.planning.windows.rollout_table import ROLLOUT_TABLE, rollout_row
from cemops.planning.windows.site_server import plan_site_server
from tests.unit.planning.windows.server_situations import (
    HOST,
    NEIGHBOUR,
    NEW,
    NOW,
    OLD,
    binding,
    cem,
    codes,
    entry,
    machine,
    operations,
    pfx,
    site,
    site_server,
)
from tests.unit.planning.windows.simulated_machine import SimulatedMachine, known

EMPTY = machine(site())
SERVING_OLD = machine(site(binding(4726)), entries=(entry(4726, OLD),), my=(OLD,))


def plan(observed: ObservedWindows, *, force: bool, install: bool, material: object = None) -> WindowsPlan:
    desired = cem(force_overwrite=force, install_certificate=install, material=material or pfx(NEW))
    return plan_site_server(site_server(desired), observed, NOW)


def after(plan: WindowsPlan, observed: ObservedWindows) -> ObservedWindows:
    return SimulatedMachine(observed, known(OLD, NEW, NEIGHBOUR)).apply(plan.actions)


def test_the_table_has_each_combination_of_its_three_keys_once() -> None:
    keys = {(row.binding_exists, row.force_overwrite, row.install_certificate) for row in ROLLOUT_TABLE}
    assert len(keys) == len(ROLLOUT_TABLE) == 8
    assert all(
        rollout_row(binding_exists=a, force_overwrite=b, install_certificate=c) in ROLLOUT_TABLE for a, b, c in keys
    )


@pytest.mark.parametrize("force", [False, True])
def test_no_binding_and_install_on_delivers_and_creates(force: bool) -> None:
    result = plan(EMPTY, force=force, install=True)
    assert operations(result) == ["certificate.import_pfx", "sslcert.set", "iis.binding_add"]
    assert result.cut_off == ()
    assert after(result, EMPTY).ssl_entries[0].thumbprint == NEW.sha1


def test_a_binding_and_force_off_delivers_and_leaves_it_with_a_warning() -> None:
    result = plan(SERVING_OLD, force=False, install=True)
    assert operations(result) == ["certificate.import_pfx"]
    assert "rollout-left-binding" in codes(result)
    assert "cloud-enabled clients cannot communicate" in " ".join(one.message for one in result.warnings)
    assert result.cut_off == ()


def test_a_binding_and_force_on_replaces_it_and_names_who_is_cut_off() -> None:
    result = plan(SERVING_OLD, force=True, install=True)
    assert operations(result) == ["certificate.import_pfx", "sslcert.set"]
    replaced = next(one for one in result.changes if one.resource is Resource.HTTP_SYS_CERTIFICATE)
    assert replaced.action is Action.REPLACE
    assert (replaced.before or {})["thumbprint"] == OLD.sha1
    assert (replaced.after or {})["thumbprint"] == NEW.sha1
    assert "rollout-replaces-binding" in codes(result)
    (line,) = result.cut_off
    for part in (HOST, "Default Web Site", "ps1.corp.northwind.example:4726", OLD.sha1, NEW.sha1, "cloud-enabled"):
        assert part in line
    assert [one.fields["thumbprint"] for one in result.restore] == [OLD.sha1]


@pytest.mark.parametrize("force", [False, True])
def test_no_binding_and_install_off_binds_what_http_sys_holds_for_the_endpoint(force: bool) -> None:
    observed = machine(site(), entries=(entry(4726, OLD),), my=(OLD, NEW))
    result = plan(observed, force=force, install=False)
    assert operations(result) == ["iis.binding_add"]
    assert after(result, observed).ssl_entries[0].thumbprint == OLD.sha1


@pytest.mark.parametrize("force", [False, True])
def test_no_binding_and_install_off_else_binds_the_declared_certificate_that_is_in_the_store(force: bool) -> None:
    observed = machine(site(), my=(NEW,))
    result = plan(observed, force=force, install=False)
    assert operations(result) == ["sslcert.set", "iis.binding_add"]
    assert after(result, observed).ssl_entries[0].thumbprint == NEW.sha1


@pytest.mark.parametrize("force", [False, True])
def test_no_binding_install_off_and_no_certificate_makes_no_binding_and_warns(force: bool) -> None:
    result = plan(EMPTY, force=force, install=False)
    assert not result.changes
    assert not result.actions
    assert "no-binding" in codes(result)
    assert {one.fact for one in result.warnings if one.code == "no-binding"} == {"SS-13"}


@pytest.mark.parametrize("force", [False, True])
def test_a_binding_and_install_off_keeps_the_certificate_there(force: bool) -> None:
    result = plan(SERVING_OLD, force=force, install=False)
    assert not result.changes
    assert not result.actions
    assert not result.cut_off
    assert result.is_empty
    assert "certificate-differs" in codes(result)


def test_a_binding_install_off_and_force_on_gets_the_stored_one_where_the_entry_serves_nobody() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, "9" * 40),), my=(NEW,))
    assert operations(plan(observed, force=False, install=False)) == []
    result = plan(observed, force=True, install=False)
    assert operations(result) == ["sslcert.set"]
    assert result.cut_off == ()
    assert plan(after(result, observed), force=True, install=False).is_empty


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("install", [False, True])
def test_the_right_certificate_is_left_alone_in_every_row(force: bool, install: bool) -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, NEW),), my=(NEW,))
    result = plan(observed, force=force, install=install)
    assert not result.changes
    assert not result.actions
    assert codes(result) == {"no-web-socket"}


@pytest.mark.parametrize("observed", [EMPTY, SERVING_OLD])
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("install", [False, True])
def test_every_row_is_done_after_one_apply(observed: ObservedWindows, force: bool, install: bool) -> None:
    reached = after(plan(observed, force=force, install=install), observed)
    again = plan(reached, force=force, install=install)
    assert again.actions == ()
    assert again.is_empty
