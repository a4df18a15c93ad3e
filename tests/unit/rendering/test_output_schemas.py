"""The published schemas: what commands print fits them, whole and with nothing in it that they do not name."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.estate_run import EstateRun
from cemops.execution.gateway_state import parse_gateway_state
from cemops.execution.planning_run import plan_record
from cemops.execution.validation import validate_file
from cemops.planning.changes import Action, Change, HostPlan, HostStatus, PlanWarning, Resource
from cemops.probe.checks import CheckId, CheckResult, ProbeReport, Result, Verdict
from cemops.rendering.findings import findings_json
from cemops.rendering.output_schemas import OutputName, output_schema
from cemops.rendering.plan_json import plan_document
from cemops.rules.framework import Finding, Severity
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATE = Path("tests/cases/gateway-state/fresh.txt")
NAMES: tuple[OutputName, ...] = get_args(OutputName)


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema, at any depth."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from parts(part)


def complaints(name: OutputName, document: Any) -> list[str]:
    """What does not fit, fields that the schema does not name among it."""
    schema = copy.deepcopy(output_schema(name))
    for part in parts(schema):
        if part.get("additionalProperties") is True:
            part["additionalProperties"] = False
    read = json.loads(json.dumps(document))
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(read)]


def planned(folder: Path, **record: Any) -> dict[str, Any]:
    file = folder / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data()), "utf-8")
    run = EstateRun(EstateContext.of(read_estate(file)), NOW)
    return plan_document(plan_record(run, record, ("gw1", "gw2", "ns1", "ps1", "ps2")))


def found(text: str, folder: Path) -> dict[str, Any]:
    file = folder / "estate.yaml"
    file.write_text(text, "utf-8")
    document: dict[str, Any] = json.loads(findings_json(validate_file(file, NOW).findings))
    return document


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_of_draft_2020_12_and_says_what_every_field_means(name: OutputName) -> None:
    schema = output_schema(name)
    Draft202012Validator.check_schema(schema)
    objects = [schema, *schema["$defs"].values()]
    fields = {key: field for part in objects for key, field in part["properties"].items()}
    assert [key for key, field in fields.items() if not field.get("description")] == []


@pytest.mark.parametrize("name", NAMES)
def test_fields_may_be_added_to_every_object(name: OutputName) -> None:
    schema = output_schema(name)
    assert [part["additionalProperties"] for part in (schema, *schema["$defs"].values())] == [True] * (
        1 + len(schema["$defs"])
    )


def test_a_plan_of_a_fresh_gateway_and_of_one_without_a_record_fits(tmp_path: Path) -> None:
    document = planned(tmp_path, gw1=parse_gateway_state(STATE.read_text("utf-8").splitlines()))
    assert {host["host"]: host["status"] for host in document["hosts"]}["gw2"] == "error"
    assert any(host["changes"] for host in document["hosts"])
    assert complaints("plan", document) == []


def test_every_action_resource_and_status_fits(tmp_path: Path) -> None:
    change = Change("gw1", Resource.FILE, "a", Action.CREATE, "why", None, {"a": 1}, "diff", (PlanWarning("a-b", "c"),))
    every = [replace(change, action=action, resource=kind) for action in Action for kind in Resource]
    hosts = [
        HostPlan("gw1", HostStatus.CHANGES, tuple(every)),
        HostPlan("gw2", HostStatus.IN_SYNC, (replace(change, action=Action.OPERATOR),)),
        HostPlan("gw3", HostStatus.UNREACHABLE, error="no answer"),
        HostPlan("gw4", HostStatus.ERROR, (change,), error="does not fit", cut_off=("x",), refusals=("y",)),
    ]
    assert {host.status for host in hosts} == set(HostStatus)
    empty = planned(tmp_path)
    from_hosts = plan_document(
        replace(
            plan_record(EstateRun(EstateContext.of(read_estate(tmp_path / "estate.yaml")), NOW), {}, ()),
            hosts=tuple(hosts),
        )
    )
    assert complaints("plan", empty) == []
    assert complaints("plan", from_hosts) == []


@pytest.mark.parametrize(
    "changes",
    [{}, {"gateways.0.capacity": {"endpoints": 35001}}, {"gateways.0.lisen": 1}, {"policies.0.gateways": ["gw9"]}],
)
def test_findings_of_sound_and_unsound_estates_fit(tmp_path: Path, changes: dict[str, Any]) -> None:
    document = found(yaml.safe_dump(sample_data(changes)), tmp_path)
    assert bool(document["findings"]) is bool(changes)
    assert complaints("validate", document) == []


@pytest.mark.parametrize("text", ["", "a: [", "cemops: 1\ncemops: 1\n", "on: 010\n", "- 1\n"])
def test_findings_of_what_is_no_estate_fit(tmp_path: Path, text: str) -> None:
    document = found(text, tmp_path)
    assert document["findings"]
    assert complaints("validate", document) == []


def test_every_severity_fits() -> None:
    findings = tuple(Finding("CEM101", severity, "", "m", None, "", 0) for severity in Severity)
    assert complaints("validate", json.loads(findings_json(findings))) == []


def test_a_report_with_every_check_and_result_fits() -> None:
    report = ProbeReport(
        tuple(
            CheckResult(check, "gw1", "ns1.corp.example:4726", Verdict(result, "detail", 1.5))
            for check in CheckId
            for result in get_args(Result)
        )
    )
    assert complaints("probe", report.as_json()) == []
    assert complaints("probe", ProbeReport(()).as_json()) == []


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("validate", "severity", "fatal"),
        ("validate", "rule", "X1"),
        ("validate", "line", -1),
        ("validate", "message", ""),
        ("probe", "result", "passed"),
        ("probe", "expect", "maybe"),
        ("probe", "ms", "12"),
        ("probe", "fact", None),
    ],
)
def test_a_value_outside_of_the_contract_does_not_fit(name: OutputName, place: str, value: Any) -> None:
    finding = json.loads(findings_json((Finding("CEM101", Severity.INFO, "a", "m", "IG-03", "f", 1, 1),)))
    check = ProbeReport((CheckResult(CheckId.REVOKED, "gw1", "a:1", Verdict("pass", "d", 1.0)),)).as_json()
    document: Any = {"validate": finding, "probe": check}[name]
    (one,) = document["findings" if name == "validate" else "checks"]
    assert complaints(name, document) == []
    one[place] = value
    assert complaints(name, document) != []


APPLIED = {"host": "gw1", "result": "applied", "error": None}
FAILED = {"host": "gw2", "result": "failed", "error": "it said no"}


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"halted": "gw2 failed", "applied": [APPLIED, FAILED]}, True),
        ({"halted": 1}, False),
        ({"applied": [{**APPLIED, "error": "and yet"}]}, False),
        ({"applied": [{**APPLIED, "result": "done"}]}, False),
        ({"applied": None}, False),
        ({"plan_id": "not one"}, False),
        ({"hosts": [{"host": "gw1"}]}, False),
    ],
)
def test_an_apply_is_its_plan_and_what_came_of_it(tmp_path: Path, fields: dict[str, Any], fits: bool) -> None:
    document = {**planned(tmp_path), "applied": [APPLIED], "halted": None, **fields}
    schema = Draft202012Validator(output_schema("apply"))
    assert schema.is_valid(json.loads(json.dumps(document))) is fits


@pytest.mark.parametrize("missing", ["applied", "halted", "plan_id"])
def test_an_apply_without_one_of_its_fields_does_not_fit(tmp_path: Path, missing: str) -> None:
    document = {**planned(tmp_path), "applied": [APPLIED], "halted": None}
    del document[missing]
    assert not Draft202012Validator(output_schema("apply")).is_valid(document)
