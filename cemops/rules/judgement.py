"""Ask every rule about an estate, and give what they find at its line, in the order of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model.document import format_path
from cemops.rules.catalogue import MISSING_FILE, MODEL_PROBLEM, REFERENCE_PROBLEM, RULES, YAML_PROBLEM
from cemops.rules.framework import Finding, Severity, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from cemops.errors import Problem, ProblemKind
    from cemops.model.document import Document
    from cemops.model.estate import Estate
    from cemops.model.reference_problem import DocumentPath
    from cemops.rules.framework import Breach, Rule

_RULE_OF_KIND: Mapping[ProblemKind, str] = {
    "text": YAML_PROBLEM,
    "model": MODEL_PROBLEM,
    "reference": REFERENCE_PROBLEM,
}


def judge(
    estate: Estate,
    document: Document | None,
    now: datetime,
    missing_files: Iterable[tuple[DocumentPath, str]] = (),
) -> tuple[Finding, ...]:
    """Give what every rule finds, sorted by line, column and rule.

    ``document`` says where things stand (None: no file was read, lines are 0). ``now`` is aware, in UTC.
    ``missing_files`` are place and path of files that the estate names and that are not there (an info).
    """
    subject = Subject(estate, now)
    findings = [_found(document, rule, breach) for rule in RULES for breach in rule.check(subject)]
    findings.extend(_missing(document, missing_files))
    return in_file_order(findings)


def findings_of(problems: Iterable[Problem]) -> tuple[Finding, ...]:
    """Give the problems of an estate file that cannot be loaded as findings: all of them errors."""
    return in_file_order(
        Finding(
            _RULE_OF_KIND[problem.kind],
            Severity.ERROR,
            problem.path,
            problem.message,
            problem.fact,
            problem.file,
            problem.line,
            problem.column,
        )
        for problem in problems
    )


def in_file_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings by line, column, rule and path; without a line first."""
    return tuple(sorted(findings, key=lambda found: (found.line, found.column, found.rule, found.path)))


def count(findings: Iterable[Finding], severity: Severity) -> int:
    """Count the findings of one severity."""
    return sum(finding.severity is severity for finding in findings)


def _missing(document: Document | None, files: Iterable[tuple[DocumentPath, str]]) -> Iterator[Finding]:
    for path, file in files:
        message = f"there is no file {file} yet: put it there before you plan"
        yield Finding(MISSING_FILE, Severity.INFO, format_path(path), message, None, *_place(document, path))


def _found(document: Document | None, rule: Rule, breach: Breach) -> Finding:
    path = format_path(breach.path)
    return Finding(rule.id, rule.severity, path, breach.message, rule.fact, *_place(document, breach.path))


def _place(document: Document | None, path: DocumentPath) -> tuple[str, int, int]:
    if document is None:
        return "", 0, 0
    return (document.file, *document.place(path))
