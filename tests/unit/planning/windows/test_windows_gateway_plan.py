"""The plan of the vendor's gateway on Windows, both layouts, on a gateway in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cemops.model.windows_observed import WindowsService
from cemops.planning.changes import Action, PlanWarning, Resource
from cemops.planning.windows.gateway.folders import GATEWAY_SERVICE, INSTALL_FOLDERS, GatewayFolders
from cemops.planning.windows.gateway.plan import plan_windows_gateway
from cemops.planning.windows.plan import WindowsPlan
from tests.unit.planning.gateway_situations import NAME, certificate, crl, material
from tests.unit.planning.windows.gateway_machine import (
    FOLDERS,
    KEY,
    LOCAL_SERVICE,
    NOW,
    ROOT,
    SMP7,
    SMP8,
    GatewayInMemory,
    desired,
    found,
    installed,
)

LIVE = certificate("A")
CONF = rf"{FOLDERS.conf}\httpd.conf"
CRT, KEY_FILE = rf"{FOLDERS.apache_certs}\server.crt", rf"{FOLDERS.apache_certs}\server.key"
CLIENT, CRL = rf"{FOLDERS.apache_certs}\client", rf"{FOLDERS.apache_certs}\crl"
OWN = f"{FOLDERS.own}\\"


def smp7(machine: GatewayInMemory, live: Any = None, **changes: Any) -> WindowsPlan:
    return plan_windows_gateway(desired(live, **changes), found(live), machine.observed(), NOW)


def smp8(machine: GatewayInMemory, live: Any = LIVE, trust: Any = None, **changes: Any) -> WindowsPlan:
    wanted = desired(live, layout="smp-8", **changes)
    return plan_windows_gateway(wanted, trust or found(live), machine.observed(), NOW)


def serving() -> GatewayInMemory:
    """A gateway of 7.x that is as desired."""
    machine = installed(*SMP7)
    machine.run((plan := smp7(machine)).preparation)
    machine.run(plan.actions)
    machine.calls.clear()
    return machine


def live_files(machine: GatewayInMemory) -> dict[str, bytes]:
    return {path: content for path, content in machine.files.items() if not path.startswith(OWN)}


def codes(plan: WindowsPlan) -> set[str]:
    warnings: tuple[PlanWarning, ...] = (*plan.warnings, *(one for change in plan.changes for one in change.warnings))
    return {one.code for one in warnings}


def names(plan: WindowsPlan) -> dict[str, str]:
    return {change.name: str(change.action) for change in plan.changes}


# --- smp-7 ------------------------------------------------------------------------------------------------------


def test_an_installed_gateway_gets_everything_and_then_nothing() -> None:
    machine = installed(*SMP7)
    plan = smp7(machine)
    assert plan.errors == ()
    machine.run(plan.preparation)
    assert live_files(machine) == {}
    assert machine.calls == [r"test \cemops\next\rehearsal.conf", "rehearse on 23456"]

    machine.run(plan.actions)

    assert machine.calls[2:] == [r"test \Apache\conf\httpd.conf", "restart"]
    assert machine.files[KEY_FILE] == KEY
    assert machine.readers[KEY_FILE] == {LOCAL_SERVICE}
    assert machine.files[rf"{CLIENT}\root-c.cer"] == machine.files[rf"{CLIENT}\0000000c.0"]
    assert machine.files[rf"{CRL}\root-c.crl"] == machine.files[rf"{CRL}\0000000c.r0"]
    assert not [path for path in machine.files if path.startswith(OWN) and path.endswith(".key")]
    again = smp7(machine, LIVE)
    assert (again.changes, again.preparation, again.actions, again.restore) == ((), (), (), ())


def test_a_restart_is_announced_and_only_for_what_httpd_reads() -> None:
    machine = serving()
    plan = smp7(machine, LIVE, text="Listen 8443 https\n")
    assert names(plan) == {r"Apache\conf\httpd.conf": "update", GATEWAY_SERVICE: "restart"}
    assert "tunnels-drop" in codes(plan)
    assert "agents-cut-off" in codes(plan)  # the port that agents know closes
    assert plan.changes[0].diff is not None
    machine.service = replace(machine.service, state="Stopped", start="Manual")
    started = smp7(machine, LIVE)
    assert names(started) == {GATEWAY_SERVICE: "update"}
    assert "tunnels-drop" not in codes(started)
    machine.run(started.actions)
    assert (machine.service.state, machine.service.start, machine.calls) == ("Running", "Automatic", [])


def test_the_way_back_leads_to_the_very_bytes_that_served_from_whatever_point() -> None:
    machine = serving()
    before, rights = live_files(machine), dict(machine.readers)
    machine.files[rf"{CLIENT}\stranger.cer"] = b"-----BEGIN CERTIFICATE-----\nX\n"
    before[rf"{CLIENT}\stranger.cer"] = machine.files[rf"{CLIENT}\stranger.cer"]
    new = replace(desired(None).materials.certificate, facts=certificate("B"))
    old = certificate("A", not_after=NOW - timedelta(days=1))
    plan = smp7(machine, old, own=new, text="Listen 8443 https\n", authorities=(material("C"), material("D")))
    assert plan.cut_off
    machine.run(plan.preparation)
    assert live_files(machine) == before
    for stop in range(len(plan.actions) + 1):
        broken = GatewayInMemory(set(machine.folders), dict(machine.files), machine.service, dict(machine.readers))
        broken.run(plan.actions[:stop])
        broken.run(plan.restore)
        assert live_files(broken) == before
        assert broken.readers[KEY_FILE] >= rights[KEY_FILE]
        assert broken.calls[-1] == "restart"


def test_what_is_left_of_earlier_applies_in_folders_of_ours_is_swept() -> None:
    machine = serving()
    stale = (rf"{FOLDERS.before}\old.key", rf"{FOLDERS.trial}\client\gone.0", rf"{FOLDERS.trial}\server.key")
    for path in stale:
        machine.files[path] = b"old"
    plan = smp7(machine, LIVE, text="Listen 8443 https\n")
    machine.run(plan.preparation)
    assert not set(stale) & set(machine.files)


def test_a_certificate_that_is_still_to_be_made_is_shown_and_nothing_is_done_without_it() -> None:
    own = replace(desired(None).materials.certificate, facts=None)
    missing = material("C", certificate=None, crl=None, source="local", will_make_certificate=True, will_make_crl=True)
    plan = smp7(installed(*SMP7), own=own, authorities=(missing,))
    assert (plan.errors, plan.preparation, plan.actions) == ((), (), ())
    shown = [change.after for change in plan.changes if change.resource in (Resource.CERTIFICATE, Resource.CRL)]
    assert all("(known after apply)" in str(after) for after in shown)
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"authorities": (material("C", crl=crl("C", next_update=NOW - timedelta(days=1))),)}, "expired on"),
        ({"authorities": (material("C", crl=crl("C", signed_by=None)),)}, "not signed by it"),
        ({"authorities": ()}, "no authority would be in the client-CA bundle"),
    ],
)
def test_trust_that_would_let_nobody_in_is_an_error_and_nothing_is_done(changes: Any, message: str) -> None:
    plan = smp7(serving(), LIVE, **changes)
    assert any(message in error for error in plan.errors)
    assert (plan.preparation, plan.actions, plan.restore) == ((), (), ())


def test_a_name_that_the_gateway_does_not_resolve_is_an_error_unless_it_is_listed_already() -> None:
    machine = serving()
    for addresses, message in (((), "does not resolve"), (("127.0.0.1",), "the gateway itself")):
        unresolved = machine.observed(resolved={NAME: addresses})
        plan = plan_windows_gateway(desired(LIVE), found(LIVE), unresolved, NOW)
        assert any(message in error for error in plan.errors)
    machine.files[CONF] += f"^{NAME.replace('.', '[.]')}:4726$".encode()
    plan = plan_windows_gateway(desired(LIVE), found(LIVE), machine.observed(resolved={}), NOW)
    assert (plan.errors, "name-unresolved" in codes(plan)) == ((), True)


# --- the installation -------------------------------------------------------------------------------------------


def test_an_installation_elsewhere_is_named_with_both_folders() -> None:
    other = GatewayFolders(INSTALL_FOLDERS[1])
    plan = smp7(GatewayInMemory({other.conf}))
    assert [error for error in plan.errors if ROOT in error and INSTALL_FOLDERS[1] in error]
    assert plan.actions == ()


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (GatewayInMemory(set()), "there is no gateway in"),
        (GatewayInMemory(set(SMP8)), "layout smp-8, not of smp-7"),
        (GatewayInMemory(set(SMP7) - {CRL}), "no folder for CRLs"),
        (
            GatewayInMemory(
                set(SMP7),
                service=WindowsService(GATEWAY_SERVICE, "Running", "Automatic", LOCAL_SERVICE, r"D:\gw\httpd.exe -k x"),
            ),
            r"runs D:\gw\httpd.exe",
        ),
    ],
)
def test_an_installation_that_is_not_as_declared_is_an_error(machine: GatewayInMemory, message: str) -> None:
    (error,) = smp7(machine).errors
    assert message in error


def test_a_machine_without_the_service_is_an_error() -> None:
    observed = installed(*SMP7).observed(services={GATEWAY_SERVICE: None})
    (error,) = plan_windows_gateway(desired(), found(), observed, NOW).errors
    assert "vendor's setup" in error


# --- what a person does ------------------------------------------------------------------------------------------


def test_status_reporting_auto_refresh_and_another_account_are_steps_of_the_operator() -> None:
    plan = smp7(
        serving(),
        LIVE,
        status_reporting=({"notification_server": "ns1", "interval_minutes": 120},),
        service={"manager": "windows", "account": r".\gateway", "auto_refresh": True},
    )
    assert plan.is_empty
    assert {change.action for change in plan.changes} == {Action.OPERATOR}
    assert [change.resource for change in plan.changes] == [
        Resource.ACCOUNT,
        Resource.STATUS_REPORTING,
        Resource.CERTIFICATE,
    ]
    assert "120 minutes" in plan.changes[1].reason


# --- smp-8 ------------------------------------------------------------------------------------------------------


def eight() -> GatewayInMemory:
    machine = installed(*SMP8)
    machine.service = replace(machine.service, path=rf'"{ROOT}\bin\Gateway.exe"')
    return machine


def test_cas_and_crls_of_8_are_put_there_once_and_the_allow_list_is_a_worksheet() -> None:
    machine = eight()
    plan = smp8(machine)
    machine.run(plan.preparation)
    assert live_files(machine) == {}
    machine.run(plan.actions)
    assert machine.calls == ["restart"]
    assert set(live_files(machine)) == {
        rf"{FOLDERS.certs}\client\cemops-root-c.cer",
        rf"{FOLDERS.certs}\crl\cemops-root-c.crl",
    }
    there = found(LIVE, authorities={rf"{FOLDERS.certs}\client\cemops-root-c.cer": "C" * 64})
    again = smp8(machine, trust=there)
    assert again.is_empty
    (sheet,) = again.changes
    assert sheet.after is not None
    assert sheet.after["servers"] == [f"{NAME}:4726 (Notification Server)", f"{NAME}:4726 (site server)"]
    assert "cemops probe --gateway gw1" in sheet.reason


def test_what_the_manager_of_8_keeps_is_replaced_under_its_own_name_or_left_alone() -> None:
    machine = eight()
    place = rf"{FOLDERS.certs}\crl\ns1.crl"
    machine.files[place] = b"an older list"
    machine.files[rf"{FOLDERS.certs}\client\ns1.cer"] = b"the same CA as DER"
    machine.files[rf"{FOLDERS.certs}\client\other.cer"] = b"a CA of nobody declared"
    machine.files[rf"{FOLDERS.certs}\client\cemops-gone.cer"] = b"-----BEGIN CERTIFICATE-----"
    trust = found(LIVE, authorities={rf"{FOLDERS.certs}\client\ns1.cer": "C" * 64}, crls={place: "C" * 64})
    plan = smp8(machine, trust=trust)
    machine.run((*plan.preparation, *plan.actions))
    assert machine.files[place] == crl("C").pem.encode()
    assert [path.rpartition("\\")[2] for path in sorted(live_files(machine))] == ["ns1.cer", "other.cer", "ns1.crl"]


def test_a_certificate_of_8_that_does_not_fit_is_imported_by_a_person_and_cemops_cuts_nobody_off() -> None:
    expired = certificate("E", not_after=NOW - timedelta(days=1))
    plan = smp8(eight(), expired, certificate={"pfx": "certs/gw.pfx"}, own=_pfx())
    step = next(change for change in plan.changes if change.name == "server.pfx")
    assert step.by_operator
    assert "import certs/gw.pfx" in step.reason
    assert "agents-cut-off" in codes(plan)
    assert plan.cut_off == ()


def _pfx() -> Any:
    return replace(desired(None).materials.certificate, kind="pfx", facts=certificate("A"), can_make=False)
