"""Findings as SARIF 2.1.0 (OASIS), for code scanning: every rule, and each finding with its place and fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cemops import __version__
from cemops.rendering.placed_findings import PlacedFinding, placed_findings
from cemops.rendering.rule_texts import RuleText, rule_texts
from cemops.rendering.terminal import visible
from cemops.rules.framework import Severity

if TYPE_CHECKING:
    from cemops.rules.framework import Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "cemopsFinding/v1"
"""SARIF 3.27.17: a name with the version of how it is computed."""
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def findings_sarif(findings: Iterable[Finding], file: str, folder: PurePath) -> str:
    """Give findings as the text of a SARIF log. ``folder`` is the run's: names below it are relative to it."""
    rules = rule_texts()
    places = {rule.id: place for place, rule in enumerate(rules)}
    driver = {"name": "cemops", "version": __version__, "rules": [_rule(rule) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(placed, places) for placed in placed_findings(findings, file, folder)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: RuleText) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": message_text(rule.title)},
        "fullDescription": {"text": message_text(rule.description)},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"fact": rule.fact} if rule.fact else {},
    }


def _result(placed: PlacedFinding, places: dict[str, int]) -> dict[str, Any]:
    finding = placed.finding
    location: dict[str, Any] = {"physicalLocation": _physical(placed)}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": visible(finding.path)}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": places[finding.rule],
        "level": LEVELS[finding.severity],
        "message": {"text": message_text(placed.sentence)},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: placed.fingerprint},
        "properties": {"fact": finding.fact} if finding.fact else {},
    }


def _physical(placed: PlacedFinding) -> dict[str, Any]:
    """Where it stands; a finding of the whole file has no region."""
    finding = placed.finding
    physical: dict[str, Any] = {"artifactLocation": {"uri": file_uri(placed.file)}}
    if finding.line:
        column = {"startColumn": finding.column} if finding.column else {}
        physical["region"] = {"startLine": finding.line, **column}
    return physical


def file_uri(file: str) -> str:
    """Return a file's name as a URI: relative where the name is."""
    path = quote(file.encode("utf-8", "surrogateescape"), safe="/~")
    return f"file://{path}" if path.startswith("/") else path


def message_text(text: str) -> str:
    """Give a text as SARIF's plain message: no placeholder (3.11.5) and no embedded link (3.11.6) is in it."""
    return visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")
