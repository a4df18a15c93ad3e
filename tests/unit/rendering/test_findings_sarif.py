"""Findings as SARIF 2.1.0: what the specification requires, and fingerprints that stay."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from cemops.execution.validation import validate_file
from cemops.rendering.findings_sarif import FINGERPRINT, findings_sarif, message_text
from cemops.rendering.rule_texts import rule_texts
from cemops.rules.framework import Finding, Severity
from tests.unit.rendering.nasty_texts import texts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCHEMA = json.loads(Path("tests/cases/sarif-2.1.0.schema.json").read_text("utf-8"))
FOLDER = PurePosixPath("/srv/estate")
FOUND = Finding("CEM101", Severity.WARNING, "policies[0]", "name a second gateway", "IG-03", "/srv/estate/e.yaml", 7, 3)


def log_of(*findings: Finding) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(findings_sarif(findings, "/srv/estate/e.yaml", FOLDER))
    Draft202012Validator(SCHEMA).validate(log)
    return log


def results(*findings: Finding) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log_of(*findings)["runs"][0]["results"]
    return found


def fingerprints(*findings: Finding) -> list[str]:
    return [result["partialFingerprints"][FINGERPRINT] for result in results(*findings)]


def test_a_finding_stands_at_file_line_and_column() -> None:
    (result,) = results(FOUND)
    (location,) = result["locations"]
    assert location == {
        "physicalLocation": {"artifactLocation": {"uri": "e.yaml"}, "region": {"startLine": 7, "startColumn": 3}},
        "logicalLocations": [{"fullyQualifiedName": "policies[0]"}],
    }
    assert result["message"] == {"text": "policies[0]: name a second gateway"}


@pytest.mark.parametrize(
    ("severity", "level"), [(Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "note")]
)
def test_severities_are_levels_of_sarif(severity: Severity, level: str) -> None:
    (result,) = results(replace(FOUND, severity=severity))
    assert result["level"] == level


def test_every_rule_is_listed_and_found_by_its_index() -> None:
    log = log_of(*(replace(FOUND, rule=rule.id) for rule in rule_texts()))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [rule.id for rule in rule_texts()]
    assert all(rule["shortDescription"]["text"] and rule["fullDescription"]["text"] for rule in rules)


def test_rules_before_rules_are_those_of_the_documentation() -> None:
    rows = [line.split(" | ") for line in Path("docs/rules.md").read_text("utf-8").splitlines() if "| CEM00" in line]
    assert [(row[0].removeprefix("| "), row[1]) for row in rows] == [
        (rule.id, str(rule.severity)) for rule in rule_texts()[: len(rows)]
    ]


def test_a_finding_of_the_whole_file_has_no_region() -> None:
    (result,) = results(replace(FOUND, path="", line=0, column=0))
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "e.yaml"}}}]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("/srv/estate/inventory/estate.yaml", "inventory/estate.yaml"),
        ("inventory/estate.yaml", "inventory/estate.yaml"),
        ("/etc/other estate.yaml", "file:///etc/other%20estate.yaml"),
        ("/srv/estate/a:b#c?d%.yaml", "a%3Ab%23c%3Fd%25.yaml"),
        ("/srv/estate/größe.yaml", "gr%C3%B6%C3%9Fe.yaml"),
        ("/srv/estate/\udcff.yaml", "%FF.yaml"),
        ("", "e.yaml"),
    ],
)
def test_a_file_is_named_by_a_uri_relative_to_the_run(file: str, uri: str) -> None:
    (result,) = results(replace(FOUND, file=file))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert unquote(uri, errors="surrogateescape").endswith(PurePosixPath(file).name)


def test_a_fingerprint_stays_where_lines_and_numbers_move() -> None:
    moved = replace(FOUND, line=90, column=1, message="other numbers", severity=Severity.ERROR)
    assert fingerprints(FOUND) == fingerprints(moved)


@pytest.mark.parametrize(
    "other",
    [replace(FOUND, path="policies[1]"), replace(FOUND, rule="CEM102"), replace(FOUND, file="/srv/estate/f.yaml")],
)
def test_another_rule_file_or_place_is_another_fingerprint(other: Finding) -> None:
    assert fingerprints(FOUND) != fingerprints(other)


def test_two_findings_of_a_rule_at_one_place_are_told_apart() -> None:
    assert len(set(fingerprints(FOUND, FOUND, FOUND))) == 3


@given(st.lists(st.builds(replace, st.just(FOUND), path=texts, message=texts.filter(bool)), max_size=4))
def test_any_text_gives_a_log_as_the_specification_wants_it(findings: list[Finding]) -> None:
    assert len(set(fingerprints(*findings))) == len(findings)


@given(texts)
def test_a_message_holds_no_placeholder_and_no_link(text: str) -> None:
    message = message_text(text)
    assert "](" not in message
    assert "{" not in message.replace("{{", "")
    assert "\x1b" not in message


@pytest.mark.parametrize("file", ["inventory/estate.yaml", "tests/cases/estate-example.yaml", "README.md", "absent"])
def test_what_validate_says_of_a_file_is_a_sound_log(file: str) -> None:
    validation = validate_file(Path(file).resolve(), NOW)
    log = json.loads(findings_sarif(validation.findings, validation.file, Path.cwd()))
    Draft202012Validator(SCHEMA).validate(log)
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in log["runs"][0]["results"]
    }
    assert uris <= {file}
    assert uris or file == "inventory/estate.yaml"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("version",), "2.0.0"),
        (("runs", 0, "tool"), {}),
        (("runs", 0, "results", 0, "level"), "info"),
        (("runs", 0, "results", 0, "message"), {}),
        (("runs", 0, "results", 0, "locations", 0, "physicalLocation", "region", "startLine"), 0),
        (("runs", 0, "results", 0, "partialFingerprints"), {}),
        (("runs", 0, "columnKind"), "bytes"),
        (("runs", 0, "taxonomy"), []),
    ],
)
def test_the_schema_refuses_what_the_specification_does(place: tuple[Any, ...], value: Any) -> None:
    log = copy.deepcopy(log_of(FOUND))
    part: Any = log
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(log)
