"""Findings as JUnit's XML: each a case, failed where it makes validate fail, and a case for each rule that holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from cemops.rendering.junit import JunitCase, JunitSuite, junit_text
from cemops.rendering.placed_findings import PlacedFinding, placed_findings, repository_path
from cemops.rendering.rule_texts import UNREADABLE, rule_texts
from cemops.rendering.terminal import visible_utf8
from cemops.rules.framework import Severity

if TYPE_CHECKING:
    from cemops.rules.framework import Finding

GROUP = "cemops.validate"


def findings_junit(findings: Iterable[Finding], file: str, folder: PurePath, *, strict: bool = False) -> str:
    """Give findings as JUnit's XML; with ``strict`` each of them is a failure, else errors alone are.

    What does not fail is said on ``system-out``: JUnit knows no warnings. Where the file is no estate, the rules
    that were not asked are skipped.
    """
    placed = tuple(placed_findings(findings, file, folder))
    found = {one.finding.rule for one in placed}
    unasked = "not asked: the file is not an estate yet" if found & set(UNREADABLE) else None
    cases = (
        *(_finding_case(one, failed=strict or one.finding.severity is Severity.ERROR) for one in placed),
        *_rule_cases(found, unasked),
    )
    return junit_text(GROUP, [JunitSuite(visible_utf8(repository_path(file, folder)), cases)])


def _finding_case(placed: PlacedFinding, *, failed: bool) -> JunitCase:
    finding = placed.finding
    again = f" ({placed.number + 1})" if placed.number else ""
    name = " ".join(part for part in (finding.rule, finding.path) if part) + again
    place = {"file": visible_utf8(placed.file)} | ({"line": str(finding.line)} if finding.line else {})
    fact = f" ({finding.fact})" if finding.fact else ""
    text = f"{finding.severity.value}: {finding.message}{fact}"
    if failed:
        return JunitCase(GROUP, name, failed=text, place=place)
    return JunitCase(GROUP, name, said=text, place=place)


def _rule_cases(found: set[str], unasked: str | None) -> Iterator[JunitCase]:
    for rule in rule_texts():
        if rule.id not in found:
            yield JunitCase(GROUP, f"{rule.id} {rule.title}", skipped=None if rule.id in UNREADABLE else unasked)
