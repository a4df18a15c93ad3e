"""Findings as machines keep them apart: each with the file as a repository names it, and a fingerprint.

A fingerprint is the same in every run as long as rule and place in the document are: lines move, numbers in messages
change. A place counts elements of lists (``gateways[1]``), so that one put before it is a new place.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from cemops.rendering.terminal import visible

if TYPE_CHECKING:
    from cemops.rules.framework import Finding


@dataclass(frozen=True)
class PlacedFinding:
    """A finding, its file relative to the folder of the run, and how many times its rule was found there before."""

    finding: Finding
    file: str
    number: int

    @property
    def fingerprint(self) -> str:
        """The SHA-256 (hex) of rule, file, place and number."""
        finding = self.finding
        text = "\0".join((finding.rule, self.file, finding.path, str(self.number)))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def sentence(self) -> str:
        """The place and the message in one text without control characters."""
        finding = self.finding
        return visible(f"{finding.path}: {finding.message}" if finding.path else finding.message)


def placed_findings(findings: Iterable[Finding], file: str, folder: PurePath) -> Iterator[PlacedFinding]:
    """Place findings, in their order; ``file`` is that of those that name none, ``folder`` the run's (absolute)."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for finding in findings:
        name = repository_path(finding.file or file, folder)
        key = (finding.rule, name, finding.path)
        yield PlacedFinding(finding, name, seen[key])
        seen[key] += 1


def repository_path(file: str, folder: PurePath) -> str:
    """Name a file as it lies below the folder; as it is where it does not lie there."""
    path = PurePath(file)
    if path.is_absolute() and path.is_relative_to(folder):
        path = path.relative_to(folder)
    return path.as_posix()
