"""Judge an estate file: models, references and rules together. Opens the estate file and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.errors import CemopsError, EstateError
from cemops.execution.estate_file import LoadedEstate, read_estate, resolve_path
from cemops.model.referenced_files import referenced_files
from cemops.rules.framework import Severity
from cemops.rules.judgement import count, findings_of, judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from cemops.model.reference_problem import DocumentPath
    from cemops.rules.framework import Finding


@dataclass(frozen=True)
class Validation:
    """What is to be said of an estate file. ``loaded`` is None where it does not describe an estate."""

    file: str
    loaded: LoadedEstate | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """The number of findings that stop plan and apply."""
        return count(self.findings, Severity.ERROR)


def validate_file(path: Path, now: datetime) -> Validation:
    """Read and judge the estate file at ``path``; ``now`` is aware, in UTC. Raises nothing for a bad file."""
    try:
        loaded = read_estate(path)
    except EstateError as error:
        return Validation(str(path), None, findings_of(error.problems))
    return validate_loaded(loaded, now)


def validate_loaded(loaded: LoadedEstate, now: datetime) -> Validation:
    """Judge an estate that was read already."""
    findings = judge(loaded.estate, loaded.document, now, tuple(_missing_files(loaded)))
    return Validation(str(loaded.path), loaded, findings)


def _missing_files(loaded: LoadedEstate) -> Iterator[tuple[DocumentPath, str]]:
    for place, written in referenced_files(loaded.estate):
        if not _exists(written, loaded.folder):
            yield place, written


def _exists(written: str, folder: Path) -> bool:
    try:
        return resolve_path(written, folder).exists()
    except (CemopsError, OSError):
        return False
