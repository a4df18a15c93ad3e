from __future__ import annotations

import json

from cemops.rendering.findings import findings_json, findings_text
from cemops.rules.framework import Finding, Severity

LONG = "word " * 40


def finding(severity: Severity = Severity.ERROR, line: int = 12, fact: str | None = "IG-03") -> Finding:
    return Finding("CEM101", severity, "gateways[0]", LONG.strip(), fact, "estate.yaml", line, 7)


def test_finding_is_found_by_editors_at_file_line_and_column() -> None:
    assert findings_text((finding(),), "estate.yaml").startswith("estate.yaml:12:7 error CEM101 IG-03\n")


def test_message_is_wrapped_at_80_columns() -> None:
    text = findings_text((finding(),), "estate.yaml")
    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.count("word") == 40


def test_long_name_is_not_broken() -> None:
    name = "x" * 100
    found = Finding("CEM101", Severity.INFO, "", f"see {name}", None, "estate.yaml", 1, 1)
    assert name in findings_text((found,), "estate.yaml")


def test_finding_without_place_names_the_file_alone() -> None:
    assert findings_text((finding(line=0, fact=None),), "estate.yaml").splitlines()[0] == "estate.yaml error CEM101"


def test_errors_come_before_warnings_before_infos() -> None:
    mixed = (finding(Severity.INFO, 1), finding(Severity.WARNING, 2), finding(Severity.ERROR, 3))
    heads = [line for line in findings_text(mixed, "estate.yaml").splitlines() if "CEM101" in line]
    assert [head.split()[1] for head in heads] == ["error", "warning", "info"]


def test_last_line_counts() -> None:
    text = findings_text((finding(), finding(Severity.INFO)), "estate.yaml")
    assert text.splitlines()[-1] == "estate.yaml: 1 error, 0 warnings, 1 info"


def test_severity_is_coloured_on_a_terminal_only() -> None:
    assert "\x1b[31merror\x1b[0m" in findings_text((finding(),), "estate.yaml", color=True)
    assert "\x1b" not in findings_text((finding(),), "estate.yaml")


def test_json_keeps_order_and_letters() -> None:
    report = json.loads(findings_json((finding(line=3), finding(Severity.WARNING, 9))))
    assert [found["line"] for found in report["findings"]] == [3, 9]
    assert report["summary"] == {"errors": 1, "warnings": 1, "infos": 0}
    found = Finding("CEM101", Severity.INFO, "", "Größe", None, "estate.yaml", 1, 1)
    assert "Größe" in findings_json((found,))
