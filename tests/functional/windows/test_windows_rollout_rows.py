"""The rollout table SS-05 and what surrounds it, on real stand-ins: seen by an agent's handshake before and after.

Each row is a machine of its own in one estate, so that one plan, one apply and a second apply show them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cemops.lab.trust import ServerCertificate
from cemops.lab.windows import birth
from cemops.lab.windows.http_sys import ssl_certs
from cemops.lab.windows.machine_file import load_machine
from tests.functional.windows.rollout_rows import (
    CLOSED,
    EXTRA_PORT,
    KEPT_SETTINGS,
    NEIGHBOUR_PORT,
    NEW,
    OLD,
    OTHER_NAME,
    ROWS,
    Row,
    born_as,
    declared,
)
from tests.functional.windows.windows_site import CEM_PORT, WindowsSite, thumbprint_of

pytestmark = pytest.mark.slow


@dataclass
class Rollout:
    """One estate before the apply, after it, and after the second one."""

    site: WindowsSite
    olds: dict[str, ServerCertificate]
    planned: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: dict[str, str | None] = field(default_factory=dict)
    neighbours: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    refused_calls: int = 0
    calls: dict[str, list[str]] = field(default_factory=dict)
    again: dict[str, dict[str, Any]] = field(default_factory=dict)

    def shown(self, row: Row, sni: str | None = None, port: int = 0) -> str | None:
        """What a handshake shows: the old certificate, another one, or nothing."""
        found = self.site.presented(row.machine, port or row.port, sni)
        return CLOSED if found is None else OLD if found == thumbprint_of(self.olds[row.machine]) else NEW

    def neighbour(self, row: Row) -> tuple[object, ...]:
        """What an agent and the two layers tell of the site next door."""
        machine = load_machine(self.site.machines[row.machine].folder)
        entries = [one for one in ssl_certs(machine.registry) if one.endpoint.endswith(f":{NEIGHBOUR_PORT}")]
        assert machine.iis is not None
        return (
            self.site.presented(row.machine, NEIGHBOUR_PORT),
            entries,
            [site for site in machine.iis.sites() if site.name == "Neighbour"],
        )


@pytest.fixture(scope="module")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with WindowsSite(tmp_path_factory.mktemp("rollout") / "site") as site:
        site.declare_notification_server()
        neighbour = site.old_certificate("neighbour.corp.test.example")
        made = Rollout(site, {row.machine: site.old_certificate(row.fqdn) for row in ROWS.values()})
        for row in ROWS.values():
            old = made.olds[row.machine]
            site.add_site_server(row.machine, making=born_as(row, old, neighbour), cem=declared(row, old))
        site.start()
        made.before = {name: made.shown(row) for name, row in ROWS.items()}
        made.neighbours = {name: made.neighbour(row) for name, row in ROWS.items()}
        made.planned = site.plan()
        lines = sum(len(host["cut_off"]) for host in made.planned.values())
        for step, words in {
            "unasked": (),
            "first": ("--accept-lockout", str(lines)),
            "second": (),
        }.items():
            done = site.apply(*words)
            made.codes[step], made.texts[step] = done.returncode, done.stdout + done.stderr
            if step == "unasked":
                made.refused_calls = sum(len(site.calls(name)) for name in ROWS)
            if step == "first":
                made.calls = {name: site.calls(name) for name in ROWS}
        made.again = site.plan()
        yield made


def warnings_of(host: dict[str, Any]) -> set[str]:
    of_changes = [warning for change in host["changes"] for warning in change["warnings"]]
    return {warning["code"] for warning in (*of_changes, *host["warnings"])}


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest) -> Row:
    return ROWS[request.param]


def test_nothing_is_written_before_the_operator_agreed_to_cut_somebody_off(rollout: Rollout) -> None:
    assert rollout.codes["unasked"] == 3, rollout.texts["unasked"]
    assert rollout.refused_calls == 0


def test_an_agent_sees_what_the_row_says(rollout: Rollout, row: Row) -> None:
    assert rollout.codes["first"] == 0, rollout.texts["first"]
    assert rollout.before[row.machine] == row.before
    assert rollout.shown(row) == row.after


def test_an_agent_that_trusts_the_estates_root_alone_takes_the_new_certificate(rollout: Rollout, row: Row) -> None:
    assert rollout.site.trusted(row.machine, row.port) == (row.after == NEW and row.sni is None)


def test_the_plan_had_warned_of_what_the_row_brings(rollout: Rollout, row: Row) -> None:
    expected = {"rollout-left-binding", "rollout-replaces-binding", "no-binding", "port-taken", "binding-removed"}
    expected |= {"orphaned-entry", "http-sys-disagrees", "shared-endpoint", "shadowed-endpoint"}
    assert warnings_of(rollout.planned[row.machine]) & expected == row.warnings


def test_who_pinned_the_old_certificate_is_cut_off_only_where_the_plan_had_said_so(rollout: Rollout, row: Row) -> None:
    cut_off = rollout.planned[row.machine]["cut_off"]
    assert len(cut_off) == row.cut_off, cut_off
    still_served = rollout.shown(row) == OLD
    if row.before == OLD and not still_served:
        assert any(thumbprint_of(rollout.olds[row.machine]) in line for line in cut_off)


def test_the_site_next_door_is_as_it_was(rollout: Rollout, row: Row) -> None:
    assert rollout.neighbours[row.machine][0] is not None
    assert rollout.neighbour(row) == rollout.neighbours[row.machine]


def test_an_entry_keeps_its_settings_when_its_certificate_is_replaced(rollout: Rollout) -> None:
    machine = load_machine(rollout.site.machines["row4"].folder)
    (entry,) = [one for one in ssl_certs(machine.registry) if one.endpoint == f"0.0.0.0:{CEM_PORT}"]
    assert entry.thumbprint != thumbprint_of(rollout.olds["row4"])
    assert {name: entry.settings[name] for name in KEPT_SETTINGS} == KEPT_SETTINGS


def test_a_left_binding_still_gets_the_new_certificate_delivered(rollout: Rollout) -> None:
    machine = load_machine(rollout.site.machines["row2"].folder)
    keyed = {one.thumbprint for one in machine.certificates.content("My") if one.has_private_key}
    assert len(keyed) == 3
    assert machine.certificates.content("Root")


@pytest.mark.parametrize("name", ["row6", "row8", "nothing-there"])
def test_a_row_that_changes_nothing_calls_nothing(rollout: Rollout, name: str) -> None:
    assert rollout.planned[name]["status"] == "in-sync"
    assert rollout.calls[name] == []


def test_a_taken_port_is_gone_from_its_former_site_alone(rollout: Rollout) -> None:
    machine = load_machine(rollout.site.machines["takes-port"].folder)
    assert machine.iis is not None
    sites = {site.name: site.bindings for site in machine.iis.sites()}
    assert sites["Other"] == ()
    assert birth.https_binding(CEM_PORT) in sites["Default Web Site"]
    (line,) = rollout.planned["takes-port"]["cut_off"]
    assert "Other" in line


def test_a_purge_closes_the_sites_other_port_and_forgets_its_entry(rollout: Rollout) -> None:
    assert rollout.shown(ROWS["purges"], port=EXTRA_PORT) is CLOSED
    machine = load_machine(rollout.site.machines["purges"].folder)
    assert not any(one.endpoint.endswith(f":{EXTRA_PORT}") for one in ssl_certs(machine.registry))


def test_a_site_that_shares_the_endpoint_changes_too(rollout: Rollout) -> None:
    assert rollout.shown(ROWS["shares"], OTHER_NAME) == NEW
    assert any("Other" in line for line in rollout.planned["shares"]["cut_off"])


def test_an_entry_for_a_host_name_still_answers_before_the_new_certificate(rollout: Rollout) -> None:
    row = ROWS["shadowed"]
    assert rollout.shown(row, row.sni) == OLD
    assert rollout.shown(row, "somebody.else.example") == NEW


def test_a_moved_port_takes_its_certificate_along_and_the_old_one_closes(rollout: Rollout) -> None:
    row = ROWS["moves"]
    assert rollout.shown(row, port=CEM_PORT) is CLOSED
    assert not any("Import-Pfx" in line for line in rollout.calls["moves"])


def test_a_second_apply_calls_nothing_on_any_machine(rollout: Rollout, row: Row) -> None:
    assert rollout.codes["second"] == 0, rollout.texts["second"]
    assert rollout.again[row.machine]["status"] == "in-sync"
    assert rollout.site.calls(row.machine) == rollout.calls[row.machine]
