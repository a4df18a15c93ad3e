"""Plans put together from hosts: whom ``--limit`` means, what is named though nobody manages it, the contract's JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cemops.cli.plan_outputs import exit_code
from cemops.errors import UsageError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.estate_run import EstateRun
from cemops.execution.gateway_kind import GatewayKind
from cemops.execution.gateway_state import parse_gateway_state
from cemops.execution.planning_run import assemble, managed_hosts, plan_record, wanted_hosts
from cemops.planning.changes import HostPlan, HostStatus, Plan
from cemops.rendering.output_schemas import output_schema
from cemops.rendering.plan_json import plan_document
from cemops.rendering.plan_text import plan_text
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EXAMPLE = Path("tests/cases/estate-example.yaml")
SCHEMA = output_schema("plan")
OBSERVED = parse_gateway_state(Path("tests/cases/gateway-state/fresh.txt").read_text("utf-8").splitlines())
EVERY = ("gw1", "gw2", "ns1", "ps1", "ps2")


def context_of(folder: Path, changes: dict[str, Any] | None = None) -> EstateContext:
    file = folder / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data(changes)), "utf-8")
    return EstateContext.of(read_estate(file))


def document_of(plan: Plan) -> dict[str, Any]:
    """The plan's JSON, as a program reads it, judged by the contract."""
    document: dict[str, Any] = json.loads(json.dumps(plan_document(plan)))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def not_managed(document: dict[str, Any]) -> dict[str, list[str]]:
    """Per host, what its not-managed warnings say."""
    return {
        host["host"]: [
            warning["message"]
            for change in host["changes"]
            for warning in change["warnings"]
            if warning["code"] == "not-managed"
        ]
        for host in document["hosts"]
    }


# --- --limit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "wanted"),
    [
        ((), EVERY),
        (("gateways",), ("gw1", "gw2")),
        (("site_servers", "gw2"), ("gw2", "ps1", "ps2")),
        (("ps2", "gw1", "gw1"), ("gw1", "ps2")),
        (("notification_servers",), ("ns1",)),
    ],
)
def test_limit_takes_hosts_and_groups_and_keeps_the_order_of_the_estate(
    tmp_path: Path, limit: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    assert wanted_hosts(context_of(tmp_path).estate, limit) == wanted


@pytest.mark.parametrize("name", ["gw3", "GW1", "gateway", "", "gw*", "all"])
def test_limit_of_an_unknown_name_is_wrong_usage_and_lists_the_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="hosts: gw1, gw2, ns1, ps1, ps2; groups: gateways, ") as caught:
        wanted_hosts(context_of(tmp_path).estate, ("gw1", name))
    assert caught.value.exit_code == 64


def test_only_what_a_deploy_manages_is_connected_to() -> None:
    estate = read_estate(EXAMPLE).estate
    names = wanted_hosts(estate, ())
    assert managed_hosts(estate, names) == ("gw1", "gw2", "ns1", "ns2", "ps1", "ps2")
    assert managed_hosts(estate, names, "gateway") == ("gw1", "gw2")
    assert managed_hosts(estate, names, "site_servers") == ("ps1", "ps2")


# --- what nobody manages yet ------------------------------------------------------------------------------------


def example() -> EstateContext:
    return EstateContext.of(read_estate(EXAMPLE))


def unreachable(names: tuple[str, ...]) -> Plan:
    found = {
        name: HostPlan(name, HostStatus.UNREACHABLE, error=f"{name} cannot be reached")
        for name in names
        if name in ("gw1", "gw2")
    }
    return assemble(example(), NOW, names, found, {})


def expected_of_the_example(document: dict[str, Any]) -> None:
    said = not_managed(document)
    assert all(f"{name} is declared" in said[name][0] for name in ("perimeter.external", "smplus1"))
    assert said["gw2"] == []
    assert any("firewall" in message for message in said["gw1"])
    assert any("status reporting to ns1" in message for message in said["gw1"])
    assert document["summary"]["warnings"] >= 4


def test_an_unreachable_host_hides_nothing_that_is_not_managed() -> None:
    document = document_of(unreachable(wanted_hosts(example().estate, ())))
    expected_of_the_example(document)
    assert next(host for host in document["hosts"] if host["host"] == "gw1")["status"] == "unreachable"


def test_a_plan_from_a_record_names_what_is_not_managed() -> None:
    context = example()
    names = wanted_hosts(context.estate, ())
    plan = plan_record(EstateRun(context, NOW), {"gw1": OBSERVED}, names)
    expected_of_the_example(document_of(plan))


def test_a_plan_from_a_record_without_the_host_names_what_is_not_managed() -> None:
    context = example()
    plan = plan_record(EstateRun(context, NOW), {}, wanted_hosts(context.estate, ()))
    document = document_of(plan)
    expected_of_the_example(document)
    assert "does not hold this host" in document["hosts"][0]["error"]


def test_not_managed_is_named_once_a_part() -> None:
    changes = [change.id for host in unreachable(("gw1",)).hosts for change in host.changes]
    assert len(changes) == len(set(changes)) == 2


def test_what_is_not_managed_is_in_the_text_of_a_plan() -> None:
    text = plan_text(unreachable(wanted_hosts(example().estate, ())))
    assert text.count("warning not-managed") >= 5


def test_steps_of_the_operator_are_counted_but_are_no_changes() -> None:
    names = tuple(name for name in wanted_hosts(example().estate, ()) if name != "gw1")
    plan = assemble(example(), NOW, names, {}, {})
    document = document_of(plan)
    assert document["summary"]["operator"] == len(document["hosts"]) > 0
    assert {host["status"] for host in document["hosts"]} == {"in-sync"}
    assert document["summary"]["hosts_changed"] == 0
    assert not plan.has_changes
    assert exit_code(plan, detailed=True) == 0
    assert "\nNothing to do for cemops" in plan_text(plan)


def test_what_is_set_in_the_manager_of_a_windows_gateway_is_named_though_the_host_is_not_reached() -> None:
    (host,) = (one for one in document_of(unreachable(("gw2",)))["hosts"])
    (step,) = host["changes"]
    assert (step["action"], step["name"]) == ("operator", "auto-refresh")
    assert host["status"] == "unreachable"


def test_limit_leaves_the_others_out_of_the_plan() -> None:
    assert [host.host for host in unreachable(("gw1", "smplus1")).hosts] == ["gw1", "smplus1"]


def test_a_failed_host_wins_over_changes() -> None:
    failed, changed = HostPlan("gw1", HostStatus.ERROR, error="no"), HostPlan("gw2", HostStatus.CHANGES)
    plan = Plan("northwind", "0" * 12, "2026-11-22T12:00:00+00:00", (failed, changed), "sha256:" + "0" * 64)
    assert (exit_code(plan, detailed=True), exit_code(plan, detailed=False)) == (1, 1)
    assert exit_code(replace(plan, hosts=(changed,)), detailed=True) == 2
    assert exit_code(replace(plan, hosts=(changed,)), detailed=False) == 0


# --- identity of a plan -----------------------------------------------------------------------------------------


def test_the_digest_of_an_observation_moves_with_what_matters_and_not_with_the_clock() -> None:
    later = replace(OBSERVED, clock=NOW, observer_clock=NOW)
    assert GatewayKind().digest(later) == GatewayKind().digest(OBSERVED)
    assert GatewayKind().digest(replace(OBSERVED, current="abc.1")) != GatewayKind().digest(OBSERVED)


def test_the_same_observation_gives_the_same_plan(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    found = {"gw1": HostPlan("gw1", HostStatus.IN_SYNC)}
    one, other = (assemble(context, NOW, ("gw1",), found, {"gw1": "sha256:a"}) for _ in range(2))
    changed = assemble(context, NOW, ("gw1",), found, {"gw1": "sha256:b"})
    assert (one.plan_id, one.observed_digest) == (other.plan_id, other.observed_digest)
    assert one.observed_digest != changed.observed_digest
    assert one.plan_id != changed.plan_id


def test_the_schema_refuses_what_breaks_the_contract() -> None:
    document = document_of(unreachable(("gw1",)))
    for broken in (
        {**document, "schema": 2},
        {**document, "hosts": [{**document["hosts"][0], "status": "in sync"}]},
        {**document, "hosts": [{**document["hosts"][0], "error": None}]},
        {**document, "hosts": [{**document["hosts"][0], "status": "changes", "error": None}]},
        {key: value for key, value in document.items() if key != "summary"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)
