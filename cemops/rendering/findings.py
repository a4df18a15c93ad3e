"""Findings of ``cemops validate``: JSON for programs (contract, schema 1), text for people at 80 columns."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from cemops.model.counting import counted
from cemops.rules.framework import Severity
from cemops.rules.judgement import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cemops.rules.framework import Finding

COLUMNS = 80
_INDENT = "    "
_COLOR: Mapping[Severity, str] = {
    Severity.ERROR: "\x1b[31m",
    Severity.WARNING: "\x1b[33m",
    Severity.INFO: "\x1b[36m",
}
_PLAIN = "\x1b[0m"


def findings_json(findings: tuple[Finding, ...]) -> str:
    """Give findings as the JSON text of the contract, in the order given (by line)."""
    return json.dumps(
        {
            "schema": 1,
            "findings": [
                {
                    "rule": finding.rule,
                    "severity": finding.severity.value,
                    "path": finding.path,
                    "message": finding.message,
                    "fact": finding.fact,
                    "file": finding.file,
                    "line": finding.line,
                    "column": finding.column,
                }
                for finding in findings
            ],
            "summary": {f"{severity.value}s": count(findings, severity) for severity in Severity},
        },
        indent=2,
        ensure_ascii=False,
    )


def findings_text(findings: tuple[Finding, ...], file: str, *, color: bool = False) -> str:
    """Give findings for people: errors, then warnings, then infos, each by line; the last line sums up.

    An estate without findings is one line.
    """
    if not findings:
        return f"{file}: no findings"
    lines = [
        line
        for severity in Severity
        for finding in findings
        if finding.severity is severity
        for line in _lines_of(finding, color=color)
    ]
    return "\n".join([*lines, "", summary_line(findings, file)])


def summary_line(findings: tuple[Finding, ...], file: str) -> str:
    """Count findings by severity: ``estate.yaml: 1 error, 0 warnings, 2 infos``."""
    counts = ((count(findings, severity), severity.value) for severity in Severity)
    return f"{file}: " + ", ".join(counted(number, word) for number, word in counts)


def _lines_of(finding: Finding, *, color: bool) -> Iterator[str]:
    severity = finding.severity.value
    if color:
        severity = f"{_COLOR[finding.severity]}{severity}{_PLAIN}"
    place = f"{finding.file}:{finding.line}:{finding.column}" if finding.line else finding.file
    head = [part for part in (place, severity, finding.rule, finding.fact) if part]
    yield " ".join(head)
    if finding.path:
        yield f"{_INDENT}{finding.path}"
    yield from textwrap.wrap(
        finding.message,
        COLUMNS,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
