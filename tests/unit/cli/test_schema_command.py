from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from cemops.cli import schema
from tests.unit.sample_estate import sample_data


def run(*arguments: str) -> Any:
    app = typer.Typer()
    schema.register(app)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    result = run()
    assert result.exit_code == 0
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def complaints(printed: dict[str, Any], estate: Any) -> list[str]:
    return [error.json_path for error in Draft202012Validator(printed).iter_errors(estate)]


def fields(printed: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in {**printed["$defs"], "Estate": printed}.items():
        for field, meaning in definition.get("properties", {}).items():
            yield f"{name}.{field}", meaning


def test_schema_is_of_draft_2020_12(printed: dict[str, Any]) -> None:
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(printed)


@pytest.mark.parametrize("file", ["tests/cases/estate-example.yaml", "inventory/estate.yaml"])
def test_example_estates_fit_the_schema(printed: dict[str, Any], file: str) -> None:
    assert complaints(printed, yaml.safe_load(Path(file).read_text())) == []


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        ("gateways.0.lisen", {"port": 443}, "$.gateways[0]"),
        ("gateways.0.listen", {"port": 0}, "$.gateways[0].listen.port"),
        ("gateways.0.listen", {"port": 65536}, "$.gateways[0].listen.port"),
        ("gateways.0.platform", "solaris", "$.gateways[0].platform"),
        ("gateways.0.certificate", {"pfx": "a.pfx", "issued_by": "dmz-ca"}, "$.gateways[0].certificate"),
        ("cemops", 2, "$.cemops"),
    ],
)
def test_schema_finds_what_does_not_fit(printed: dict[str, Any], place: str, value: Any, where: str) -> None:
    assert complaints(printed, sample_data({place: value})) == [where]


def test_every_field_says_what_it_means(printed: dict[str, Any]) -> None:
    assert [place for place, meaning in fields(printed) if not meaning.get("description")] == []


def test_description_is_that_of_the_field_not_of_its_type(printed: dict[str, Any]) -> None:
    meanings = dict(fields(printed))
    assert meanings["Listen.port"]["description"] == "TCP port (PT-01)."
    assert meanings["WebOverride.site"]["description"] == "The IIS site that carries the bindings."
    assert meanings["Flow.from"]["description"] == "Who opens the connection."


@pytest.mark.parametrize(
    "field",
    [
        "ChangeControl.policy_dwell_days",
        "OfflinePackage.valid_days",
        "Policy.prefer_gateway",
        "SizingQuestion.client_computers",
    ],
)
def test_a_field_that_nothing_uses_says_so(printed: dict[str, Any], field: str) -> None:
    assert "not used yet" in dict(fields(printed))[field]["description"]


def test_a_field_that_no_code_reads_says_so(printed: dict[str, Any]) -> None:
    code = "\n".join(
        file.read_text()
        for folder in ("cemops", "templates")
        for file in Path(folder).rglob("*.*")
        if file.suffix in {".py", ".j2"}
    )
    silent = [
        place
        for place, meaning in fields(printed)
        if not re.search(rf"""(?:\.|["']){place.split(".")[1]}\b""", code)
        and "not used yet" not in meaning["description"]
    ]
    assert silent == []


def test_only_two_fields_are_required(printed: dict[str, Any]) -> None:
    assert printed["required"] == ["cemops", "estate"]


@pytest.mark.parametrize("subject", ["plan", "validate", "probe"])
def test_schema_of_an_output_is_printed_as_it_is_shipped(subject: str) -> None:
    shipped = Path("cemops/rendering/schemas", f"{subject}.schema.json").read_text("utf-8")
    assert json.loads(run(subject).stdout) == json.loads(shipped)


def test_schema_of_apply_is_printed_with_that_of_the_plan_in_it() -> None:
    shipped = {
        name: json.loads(Path("cemops/rendering/schemas", f"{name}.schema.json").read_text("utf-8"))
        for name in ("apply", "plan")
    }
    shipped["apply"]["$defs"]["plan"] = shipped["plan"]
    assert json.loads(run("apply").stdout) == shipped["apply"]


def test_estate_is_the_default(printed: dict[str, Any]) -> None:
    assert json.loads(run("estate").stdout) == printed


def test_another_subject_is_wrong_usage() -> None:
    result = run("history")
    assert result.exit_code != 0
    assert "'history' is not one of" in result.output
