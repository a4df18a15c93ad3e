"""What a rule is, and what it says about an estate.

A rule is a function that looks at a ``Subject`` and yields a ``Breach`` for each thing that it finds. The
decorator ``rule`` puts its id, title, severity and fact beside the code and turns the function into a
``Rule``; the module's ``RULES`` lists them, and ``catalogue`` lists the modules. Nothing is registered by
being imported.

Severity (DOMAIN.md decides): ``error`` where it says must, never, cannot or not supported, or the highest
limit is passed; ``warning`` where it recommends, a lower source's limit is passed, or agents lose something;
``info`` else.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from cemops.model.estate import Estate
    from cemops.model.reference_problem import DocumentPath


class Severity(enum.StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Subject:
    """What rules judge: an estate whose references hold, and the time (aware, UTC)."""

    estate: Estate
    now: datetime


@dataclass(frozen=True)
class Breach:
    """One place where a rule does not hold. The message says what is wrong and the repair."""

    path: DocumentPath
    message: str


Check = Callable[[Subject], Iterator[Breach]]


@dataclass(frozen=True)
class Rule:
    """One rule. ``fact`` is the id in DOMAIN.md that it follows from."""

    id: str
    title: str
    severity: Severity
    fact: str | None
    description: str
    check: Check


def rule(rule_id: str, title: str, severity: Severity, fact: str | None) -> Callable[[Check], Rule]:
    """Make a rule of a check; its description is the check's docstring."""

    def declare(check: Check) -> Rule:
        return Rule(rule_id, title, severity, fact, inspect.getdoc(check) or title, check)

    return declare


@dataclass(frozen=True)
class Finding:
    """What one rule says about one place. ``line`` and ``column`` count from 1; 0 where no file was read."""

    rule: str
    severity: Severity
    path: str
    message: str
    fact: str | None
    file: str
    line: int
    column: int = 0
