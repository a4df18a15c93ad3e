"""The estate file as a text: to data with places, to the estate, and every problem at its line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from cemops.errors import EstateError, Problem, ProblemKind
from cemops.model.estate import Estate
from cemops.model.mending import STAND_IN, mend
from cemops.model.model_errors import explain
from cemops.model.references import reference_problems
from cemops.model.schema_walk import expects_number
from cemops.model.text import shown_key
from cemops.model.yaml_syntax import Mark
from cemops.model.yaml_text import Path, read_yaml

_SIMPLE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def format_path(path: Path) -> str:
    """Return a path as people read it: ``gateways[0].listen.port``; an unusual key stands in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SIMPLE_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{shown_key(part)}]"
    return text


@dataclass(frozen=True)
class Document:
    """Where everything stands in one estate file.

    ``data`` is what the YAML means, in plain values; ``values`` and ``keys`` give line and column (from 1)
    of each value and of each key by its path, such as ``("gateways", 0, "listen", "port")``.
    """

    file: str
    data: object
    values: Mapping[Path, Mark]
    keys: Mapping[Path, Mark]

    def place(self, path: Path) -> Mark:
        """Return line and column of the value, or of the nearest section around it in the file."""
        return self._nearest(path, self.values)

    def problem(
        self,
        path: Path,
        message: str,
        fact: str | None = None,
        *,
        at_key: bool = False,
        kind: ProblemKind = "model",
    ) -> Problem:
        """Place a problem: at the value, or at its key, else at the nearest section around it."""
        mark = self.keys.get(path) if at_key else None
        line, column = mark or self.place(path)
        return Problem(format_path(path), message, self.file, line, column, fact, kind)

    @staticmethod
    def _nearest(path: Path, marks: Mapping[Path, Mark]) -> Mark:
        for length in range(len(path), -1, -1):
            mark = marks.get(path[:length])
            if mark is not None:
                return mark
        return (1, 1)


@dataclass(frozen=True)
class LoadedText:
    """An estate, and where its parts stand in the text it was read from."""

    estate: Estate
    document: Document


def parse_document(text: str, file: str) -> tuple[Document, tuple[Problem, ...]]:
    """Read YAML without a look at its meaning; ``file`` is the name for messages. Never raises.

    The problems are those of the text alone: broken YAML, surprising values, keys that stand twice, a
    document that is no section.
    """
    tree = read_yaml(text, lambda path: expects_number(path, Estate))
    problems = [
        Problem(format_path(complaint.path), complaint.message, file, *complaint.mark) for complaint in tree.complaints
    ]
    if tree.readable and not isinstance(tree.data, dict):
        line, column = tree.values.get((), (1, 1))
        message = "an estate is a section of KEY: VALUE lines: begin the file with cemops: 1"
        problems.append(Problem("", message, file, line, column))
    data = tree.data if tree.readable and isinstance(tree.data, dict) else None
    return Document(file, data, tree.values, tree.keys), tuple(problems)


def load_estate_text(text: str, file: str) -> LoadedText:
    """Return the estate that a text declares. ``file`` is the name of the file, for messages.

    Raises EstateError with every problem of text, model and references, in the order of the file.
    """
    document, problems = parse_document(text, file)
    if document.data is None:
        raise EstateError(problems)
    try:
        estate = Estate.model_validate(document.data)
    except ValidationError as error:
        found = _beside(problems, document, error)
        # The rest of the file is checked too, so that one run shows everything that is wrong in it.
        mended = mend(document.data, error)
        rest = _between_sections(document, mended.estate, mended.touched) if mended else []
        raise EstateError(_in_order([*problems, *found, *rest])) from None
    found = _between_sections(document, estate, ())
    if problems or found:
        raise EstateError(_in_order([*problems, *found]))
    return LoadedText(estate, document)


def _beside(problems: tuple[Problem, ...], document: Document, error: ValidationError) -> list[Problem]:
    """Give the model's problems, but those of a value or key that the text was refused for already."""
    refused = {(problem.path, problem.line, problem.column) for problem in problems}
    found = [
        document.problem(explained.path, explained.message, at_key=explained.at_key)
        for explained in explain(error, Estate)
    ]
    return [problem for problem in found if (problem.path, problem.line, problem.column) not in refused]


def _between_sections(document: Document, estate: Estate, touched: tuple[Path, ...]) -> list[Problem]:
    """Give the cross-reference problems, but those that may come of a place that was mended."""
    return [
        document.problem(found.path, found.message, found.fact, kind="reference")
        for found in reference_problems(estate)
        if STAND_IN not in found.message
        and not any(_contains(path, found.path) or _contains(found.path, path) for path in touched)
    ]


def _contains(outer: Path, inner: Path) -> bool:
    return inner[: len(outer)] == outer


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
