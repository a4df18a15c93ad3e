"""Findings beside the lines of a change: workflow commands of GitHub, Code Quality of GitLab."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.rendering.findings_github import findings_github
from cemops.rendering.findings_gitlab import findings_gitlab
from cemops.rendering.placed_findings import repository_path
from cemops.rendering.terminal import visible
from cemops.rules.framework import Finding, Severity
from tests.unit.rendering.nasty_texts import NASTY, texts

FOLDER = PurePosixPath("/srv/estate")
FILE = "/srv/estate/inventory/e.yaml"
FOUND = Finding("CEM101", Severity.ERROR, "policies[0]", "name a second gateway", "IG-03", FILE, 7, 3)
COMMAND = re.compile(r"::(?P<command>error|warning|notice) (?P<properties>[^\r\n]*?)::(?P<data>[^\r\n]*)")


def decoded(text: str) -> str:
    """Undo GitHub's escapes as its runner does: the percent sign last."""
    for sign, code in (("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25")):
        text = text.replace(code, sign)
    return text


def commands(*findings: Finding) -> list[tuple[str, dict[str, str], str]]:
    """Read workflow commands as the runner does: the first ``::`` after the name ends the properties."""
    text = findings_github(findings, FILE, FOLDER)
    read = []
    for line in text.split("\n") if text else []:
        found = COMMAND.fullmatch(line)
        assert found, line
        pairs = [pair.split("=", 1) for pair in found["properties"].split(",")]
        read.append((found["command"], {name: decoded(value) for name, value in pairs}, found["data"]))
    return read


def issues(*findings: Finding) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(findings_gitlab(findings, FILE, FOLDER))
    return found


def test_a_finding_is_a_command_with_file_line_and_column() -> None:
    assert findings_github((FOUND,), FILE, FOLDER) == (
        "::error file=inventory/e.yaml,line=7,col=3,title=CEM101 IG-03::policies[0]: name a second gateway"
    )


def test_nothing_found_is_no_command() -> None:
    assert findings_github((), FILE, FOLDER) == ""


@pytest.mark.parametrize(
    ("severity", "command", "word"),
    [
        (Severity.ERROR, "error", "critical"),
        (Severity.WARNING, "warning", "major"),
        (Severity.INFO, "notice", "info"),
    ],
)
def test_severities_are_those_of_each_platform(severity: Severity, command: str, word: str) -> None:
    found = replace(FOUND, severity=severity)
    assert commands(found)[0][0] == command
    assert issues(found)[0]["severity"] == word


def test_a_finding_of_the_whole_file_has_no_line_at_github_and_the_first_at_gitlab() -> None:
    found = replace(FOUND, line=0, column=0, fact=None)
    assert commands(found)[0][1] == {"file": "inventory/e.yaml", "title": "CEM101"}
    assert issues(found)[0]["location"] == {"path": "inventory/e.yaml", "lines": {"begin": 1}}


def test_signs_of_the_command_are_escaped_in_names_and_texts() -> None:
    found = replace(FOUND, file="/srv/estate/a,b:c%d.yaml", message="50% of\nlines: a,b")
    assert findings_github((found,), FILE, FOLDER) == (
        "::error file=a%2Cb%3Ac%25d.yaml,line=7,col=3,title=CEM101 IG-03::policies[0]: 50%25 of%0Alines: a,b"
    )


@given(st.lists(st.builds(replace, st.just(FOUND), path=texts, message=texts), max_size=3))
def test_any_finding_is_one_command_and_comes_back_as_it_was(findings: list[Finding]) -> None:
    read = commands(*findings)
    expected = [visible(f"{one.path}: {one.message}" if one.path else one.message) for one in findings]
    assert [decoded(data) for _, _, data in read] == expected


@pytest.mark.parametrize("text", [text for text in NASTY if text.strip()])
def test_any_name_of_a_file_stays_in_its_property(text: str) -> None:
    name = text.replace("/", "_")
    ((_, properties, _),) = commands(replace(FOUND, file=f"/srv/estate/{name}.yaml"))
    assert set(properties) == {"file", "line", "col", "title"}
    assert (properties["line"], properties["title"]) == ("7", "CEM101 IG-03")


def test_an_issue_is_what_gitlab_asks_for() -> None:
    (issue,) = issues(FOUND)
    assert re.fullmatch("[0-9a-f]{64}", issue.pop("fingerprint"))
    assert issue == {
        "description": "policies[0]: name a second gateway",
        "check_name": "CEM101",
        "severity": "critical",
        "location": {"path": "inventory/e.yaml", "lines": {"begin": 7}},
    }


@given(st.lists(st.builds(replace, st.just(FOUND), path=texts, message=texts), max_size=4))
def test_every_issue_has_a_fingerprint_of_its_own(findings: list[Finding]) -> None:
    read = issues(*findings)
    assert len({issue["fingerprint"] for issue in read}) == len(findings)
    assert {issue["severity"] for issue in read} <= {"info", "minor", "major", "critical", "blocker"}


@pytest.mark.parametrize(
    ("file", "name"),
    [(FILE, "inventory/e.yaml"), ("./e.yaml", "e.yaml"), ("/etc/e.yaml", "/etc/e.yaml"), ("../e.yaml", "../e.yaml")],
)
def test_a_file_below_the_folder_is_named_from_there(file: str, name: str) -> None:
    assert repository_path(file, FOLDER) == name
