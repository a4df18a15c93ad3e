"""What a Windows machine costs: remote processes, HTTP requests and connections, as its endpoint counts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cemops.lab.windows import birth
from cemops.lab.windows.firewall_rules import RULES
from cemops.lab.windows.machine_model import Machine
from tests.functional.windows.windows_site import CEM_PORT, HTTPS_PORT, ISSUED, WindowsSite

pytestmark = pytest.mark.slow

FOREIGN_RULES = 36
AT_LEAST = 40
"""Changes of the plan; with the confirmation and its dead man there are a few calls more."""


@dataclass
class Costs:
    """What the endpoint had counted after a plan, an apply, and a second apply; each is one run of the command."""

    site: WindowsSite
    planned: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    apply: dict[str, Any] = field(default_factory=dict)
    again: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


def _with_many_rules(born: birth.Newborn, site: WindowsSite) -> Machine:
    machine = birth.site_server(born, birth.https_binding(CEM_PORT))
    birth.serve(machine, CEM_PORT, site.old_certificate("ps1.corp.test.example"))
    rules = machine.registry.make_key(RULES)
    for number in range(FOREIGN_RULES):
        text = f"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort={20_000 + number}|Name=Foreign {number}|"
        rules.set_value(f"Foreign-{number}", "String", text)
    return machine


def _since(site: WindowsSite, before: dict[str, Any]) -> dict[str, Any]:
    now = site.counts("ps1")
    names = ("connections", "requests", "shells", "commands", "logons", "failed_logons", "faults")
    return {name: now[name] - before[name] for name in names}


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Costs]:
    with WindowsSite(tmp_path_factory.mktemp("counts") / "site") as site:
        site.declare_notification_server()
        site.add_site_server(
            making=lambda born: _with_many_rules(born, site),
            https={"port": HTTPS_PORT, "install_certificate": True, "certificate": dict(ISSUED)},
            cem={"port": CEM_PORT, "install_certificate": True, "force_overwrite": True, "certificate": dict(ISSUED)},
        )
        site.estate["site_servers"][0]["firewall"] = {"manage": True, "unspecified_rules": "disable"}
        site.start()
        made = Costs(site)
        before = site.counts("ps1")
        made.planned = site.plan()["ps1"]
        made.plan = _since(site, before)
        for which in (made.apply, made.again):
            before = site.counts("ps1")
            done = site.apply("--accept-lockout", "1")
            assert done.returncode == 0, done.stdout + done.stderr
            made.calls = made.calls or site.calls("ps1")
            which.update(_since(site, before))
        yield made


def test_observing_is_one_process_on_one_connection_and_at_most_ten_requests(costs: Costs) -> None:
    assert costs.plan["commands"] == costs.planned["round_trips"] == 1
    assert costs.plan["requests"] <= 10
    assert (costs.plan["connections"], costs.plan["logons"], costs.plan["shells"]) == (1, 1, 1)


def test_a_plan_counts_the_requests_of_the_logon_too(costs: Costs) -> None:
    closing = 1
    assert costs.planned["http_requests"] == costs.plan["requests"] - closing


def test_forty_changes_are_four_processes_and_at_most_twenty_requests_the_observation_included(costs: Costs) -> None:
    made = [change for change in costs.planned["changes"] if change["action"] != "operator"]
    assert len(made) >= AT_LEAST
    assert len(costs.calls) >= AT_LEAST
    observing = 1
    locking_changing_verifying_confirming = 4
    assert costs.apply["commands"] == observing + locking_changing_verifying_confirming
    assert costs.apply["requests"] <= 20
    assert (costs.apply["connections"], costs.apply["logons"], costs.apply["shells"]) == (1, 1, 1)


def test_a_second_apply_costs_an_observation_and_nothing_more(costs: Costs) -> None:
    assert costs.again["commands"] == 1
    assert costs.again["requests"] == costs.plan["requests"]
    assert costs.site.calls("ps1") == costs.calls


def test_no_logon_fails_and_nothing_is_asked_that_the_endpoint_refuses(costs: Costs) -> None:
    for counted in (costs.plan, costs.apply, costs.again):
        assert (counted["failed_logons"], counted["faults"]) == (0, 0)
