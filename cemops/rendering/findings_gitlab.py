"""Findings as a Code Quality report of GitLab, which shows what a merge request brings and what it mends."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

from cemops.rendering.placed_findings import placed_findings
from cemops.rendering.terminal import visible_utf8
from cemops.rules.framework import Severity

if TYPE_CHECKING:
    from cemops.rules.framework import Finding

SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}
"""GitLab's words are info, minor, major, critical, blocker."""


def findings_gitlab(findings: Iterable[Finding], file: str, folder: PurePath) -> str:
    """Give findings as a Code Quality report. A finding of the whole file stands at its first line."""
    return json.dumps(
        [
            {
                "description": placed.sentence,
                "check_name": placed.finding.rule,
                "fingerprint": placed.fingerprint,
                "severity": SEVERITIES[placed.finding.severity],
                "location": {"path": visible_utf8(placed.file), "lines": {"begin": placed.finding.line or 1}},
            }
            for placed in placed_findings(findings, file, folder)
        ],
        indent=2,
    )
