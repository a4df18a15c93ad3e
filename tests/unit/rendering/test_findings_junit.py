"""Findings as JUnit's XML: failures where validate fails, counts that agree, XML that any reader takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from cemops.rendering.findings_junit import findings_junit
from cemops.rendering.junit import JunitCase, JunitSuite, junit_text
from cemops.rendering.rule_texts import rule_texts
from cemops.rules.framework import Finding, Severity
from tests.unit.rendering.nasty_texts import NASTY, texts

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FOLDER = PurePosixPath("/srv/estate")
FOUND = Finding("CEM101", Severity.ERROR, "policies[0]", "name a second gateway", "IG-03", "/srv/estate/e.yaml", 7, 3)
COUNTED = {"tests": "testcase", "failures": "testcase/failure", "skipped": "testcase/skipped"}


def read(text: str) -> Element:
    """Parse as a stranger does, and hold the counts against what is there."""
    root: Element = fromstring(text.encode("utf-8"))
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        for name, path in COUNTED.items():
            assert suite.get(name) == str(len(suite.findall(path)))
    for name in (*COUNTED, "errors"):
        assert root.get(name) == str(sum(int(suite.get(name, "")) for suite in root))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert all(name and group for group, name in names)
    return root


def report(*findings: Finding, strict: bool = False) -> Element:
    return read(findings_junit(findings, "/srv/estate/e.yaml", FOLDER, strict=strict))


def cases(root: Element) -> dict[str, Element]:
    return {case.get("name", ""): case for case in root.iter("testcase")}


def test_a_clean_file_has_a_case_for_every_rule_and_no_failure() -> None:
    root = report()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == (str(len(rule_texts())), "0", "0")
    assert [suite.get("name") for suite in root] == ["e.yaml"]


def test_an_error_is_a_failure_at_its_place() -> None:
    case = cases(report(FOUND))["CEM101 policies[0]"]
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == failure.text == "error: name a second gateway (IG-03)"
    assert (case.get("file"), case.get("line"), case.get("classname")) == ("e.yaml", "7", "cemops.validate")


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.INFO])
def test_what_is_no_error_is_said_and_with_strict_a_failure(severity: Severity) -> None:
    found = replace(FOUND, severity=severity)
    said = cases(report(found))["CEM101 policies[0]"]
    assert said.findtext("system-out") == f"{severity}: name a second gateway (IG-03)"
    assert said.find("failure") is None
    strict = report(found, strict=True)
    assert strict.get("failures") == "1"


def test_findings_of_one_rule_at_one_place_are_cases_of_their_own() -> None:
    root = report(FOUND, FOUND)
    assert {"CEM101 policies[0]", "CEM101 policies[0] (2)"} <= set(cases(root))
    assert root.get("tests") == str(len(rule_texts()) + 1)


@pytest.mark.parametrize("rule", ["CEM000", "CEM001", "CEM002"])
def test_rules_that_were_not_asked_are_skipped(rule: str) -> None:
    root = report(replace(FOUND, rule=rule, line=0))
    assert root.get("skipped") == str(len(rule_texts()) - 3)
    assert cases(root)[f"{rule} policies[0]"].get("line") is None


@given(st.lists(st.builds(replace, st.just(FOUND), path=texts, message=texts), max_size=3))
def test_any_finding_gives_xml_that_parses(findings: list[Finding]) -> None:
    root = report(*findings)
    assert root.get("failures") == str(len(findings))


@given(texts, texts, st.sampled_from(["failed", "skipped", "said"]))
def test_any_text_comes_back_but_for_what_xml_cannot_hold(name: str, text: str, what: str) -> None:
    case = JunitCase("group", f"x{name}", failed=text if what == "failed" else None, said=text)
    root = read(junit_text("all", [JunitSuite(f"y{name}", (case,))]))
    (read_case,) = root.iter("testcase")
    if name.isprintable() and text.isprintable():
        assert read_case.get("name") == f"x{name}"
        assert (read_case.findtext("system-out") or "") == text


@pytest.mark.parametrize("text", NASTY)
def test_no_control_character_is_in_the_xml(text: str) -> None:
    written = junit_text(text, [JunitSuite(text, (JunitCase("g", f"n{text}", failed=text, skipped=text, said=text),))])
    assert not {char for char in written if ord(char) < 0x20} - {"\n", "\t"}
    assert not {"\u202e", "\u2066", "\x7f"} & set(written)
    assert len(list(read(written).iter("testcase"))) == 1
