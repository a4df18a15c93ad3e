"""What keeps a text from being YAML: unwanted characters, and libyaml's complaints in plain words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

LARGEST_TEXT = 16 * 1024 * 1024
QUOTE = "put the value in quotes"

Mark = tuple[int, int]
"""Line and column, both from 1."""

# Control characters but tab and line ends, line separators, surrogates, byte order marks, noncharacters.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
# What libyaml says, and what it means to someone who wrote an estate file. The first match counts.
_SYNTAX = (
    ("cannot start any token", "a value cannot begin with this character (a tab, @, ` or %): " + QUOTE),
    (
        "mapping values are not allowed",
        f"a colon and a space in the middle of a value, or a wrong indentation: {QUOTE}",
    ),
    ("could not find expected ':'", "a key without its colon: write KEY: VALUE"),
    (
        "expected ',' or ']'",
        "a list that is begun with [ is not ended: write a comma between entries and ] at its end",
    ),
    (
        "expected ',' or '}'",
        "a section that is begun with { is not ended: write a comma between keys and } at its end",
    ),
    ("unexpected end of stream", "a quoted value is not ended: write the closing quote"),
    ("unexpected document indicator", "a quoted value is not ended: write the closing quote"),
    (
        "unknown escape character",
        "a backslash in double quotes begins an escape: use single quotes around the value",
    ),
    (
        "alphabetic or numeric character",
        f"a value that begins with * or & is an alias or anchor to YAML: {QUOTE}",
    ),
    (
        "did not find expected <document start>",
        "the indentation does not fit: begin every section at the first column",
    ),
    ("did not find expected key", "the indentation or the quotes do not fit the lines above: align the keys"),
    ("did not find expected '-' indicator", "the indentation does not fit the list above: align its dashes"),
)


def find_unwanted(text: str) -> tuple[Mark, str] | None:
    """Find what no estate file holds: too much text, a byte order mark, a control character."""
    if len(text) > LARGEST_TEXT:
        return (1, 1), f"the file has {len(text)} characters: at most {LARGEST_TEXT} are read"
    if text.startswith("\ufeff"):
        return (1, 1), "the file begins with a byte order mark: save it as UTF-8 without BOM"
    found = _UNWANTED.search(text)
    if found is None:
        return None
    line_start = text.rfind("\n", 0, found.start()) + 1
    mark = (text.count("\n", 0, found.start()) + 1, found.start() - line_start + 1)
    return mark, f"the character U+{ord(found.group()):04X} cannot be seen and has no place here: delete it"


def explain_syntax(error: yaml.MarkedYAMLError, text: str) -> tuple[Mark, str]:
    """Say where a text stops being YAML, and what to do about it; never repeats the text."""
    mark = _mark_of(error)
    if _character_at(text, mark) == "\t":
        return mark, "this is not valid YAML: a tab stands here: use spaces"
    problem = error.problem or ""
    for said, explained in _SYNTAX:
        if said in problem:
            return mark, f"this is not valid YAML: {explained}"
    return mark, f"this is not valid YAML: {problem}; {QUOTE}, or correct the indentation"


def _mark_of(error: yaml.MarkedYAMLError) -> Mark:
    # An unended quote or bracket is found at the end of the file; the place to look at is where it begins.
    unended = "quoted scalar" in (error.context or "") or "flow" in (error.context or "")
    mark = (error.context_mark if unended else None) or error.problem_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _character_at(text: str, mark: Mark) -> str:
    lines = text.split("\n", mark[0])
    line = lines[mark[0] - 1] if len(lines) >= mark[0] else ""
    return line[mark[1] - 1 : mark[1]]
