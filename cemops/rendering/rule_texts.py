"""What each rule is, for formats that list rules beside findings; what is found before rules can be asked, too."""

from __future__ import annotations

from dataclasses import dataclass

from cemops.rules.catalogue import MISSING_FILE, MODEL_PROBLEM, REFERENCE_PROBLEM, RULES, YAML_PROBLEM
from cemops.rules.framework import Severity


@dataclass(frozen=True)
class RuleText:
    """One rule as it is shown. ``fact`` is an id of DOMAIN.md."""

    id: str
    title: str
    severity: Severity
    fact: str | None
    description: str


UNREADABLE = (YAML_PROBLEM, MODEL_PROBLEM, REFERENCE_PROBLEM)
"""Where one of these is found there is no estate, and no other rule was asked."""

_BEFORE = (
    RuleText(
        YAML_PROBLEM,
        "The file is not the YAML that it seems to be",
        Severity.ERROR,
        None,
        "It is broken, has a key twice, or a value that YAML reads as another one than is written.",
    ),
    RuleText(
        MODEL_PROBLEM,
        "A field is unknown, missing, or has a value that it cannot have",
        Severity.ERROR,
        None,
        "Every field of the estate file is described by `cemops schema`; nothing else can be in it.",
    ),
    RuleText(
        REFERENCE_PROBLEM,
        "Sections do not hold together",
        Severity.ERROR,
        None,
        "A name that one section uses must be declared in another, once, and what sections say of it must agree.",
    ),
    RuleText(
        MISSING_FILE,
        "A file that the estate names is not there",
        Severity.INFO,
        None,
        "Validate opens no other file than the estate; when planning, a missing one is an error.",
    ),
)


def rule_texts() -> tuple[RuleText, ...]:
    """Give every rule, in the order of ids."""
    asked = (RuleText(rule.id, rule.title, rule.severity, rule.fact, rule.description) for rule in RULES)
    return (*_BEFORE, *asked)
