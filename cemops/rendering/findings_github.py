"""Findings as workflow commands of GitHub Actions, which show them beside the lines of a pull request.

Of one step GitHub shows ten errors, ten warnings and ten notices; the log has all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

from cemops.rendering.placed_findings import PlacedFinding, placed_findings
from cemops.rendering.terminal import visible_utf8
from cemops.rules.framework import Severity

if TYPE_CHECKING:
    from cemops.rules.framework import Finding

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def findings_github(findings: Iterable[Finding], file: str, folder: PurePath) -> str:
    """Give findings as workflow commands, one a line; nothing without findings."""
    return "\n".join(_command(placed) for placed in placed_findings(findings, file, folder))


def _command(placed: PlacedFinding) -> str:
    finding = placed.finding
    properties = {"file": visible_utf8(placed.file)}
    if finding.line:
        properties["line"] = str(finding.line)
        if finding.column:
            properties["col"] = str(finding.column)
    properties["title"] = " ".join(part for part in (finding.rule, finding.fact) if part)
    listed = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {listed}::{placed.sentence.translate(_DATA)}"
