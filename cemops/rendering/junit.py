"""JUnit's XML, as build servers read it: suites of cases, each passed, failed or skipped.

There is no standard; written is what all readers share: ``testsuites`` > ``testsuite`` > ``testcase`` >
``failure``/``skipped``/``system-out``, with the counts on both upper levels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from cemops.rendering.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, 2.2: what no document can hold, not even as a reference."""
_IN_ATTRIBUTE = {"\n": "&#10;", "\t": "&#9;"}


@dataclass(frozen=True)
class JunitCase:
    """One case: it passed unless it says why it ``failed`` or was ``skipped``. ``place`` are further attributes."""

    group: str
    name: str
    seconds: float = 0.0
    failed: str | None = None
    skipped: str | None = None
    said: str | None = None
    place: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JunitSuite:
    """Cases that belong together."""

    name: str
    cases: tuple[JunitCase, ...]


def junit_text(name: str, suites: Sequence[JunitSuite]) -> str:
    """Write suites as one XML document."""
    every = [case for suite in suites for case in suite.cases]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{_attributes(_counts(name, every))}>"]
    for suite in suites:
        lines.append(f"  <testsuite{_attributes(_counts(suite.name, suite.cases))}>")
        lines += [line for case in suite.cases for line in _case_lines(case)]
        lines.append("  </testsuite>")
    return "\n".join((*lines, "</testsuites>"))


def _counts(name: str, cases: Sequence[JunitCase]) -> dict[str, str]:
    return {
        "name": name,
        "tests": str(len(cases)),
        "failures": str(sum(case.failed is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.skipped is not None for case in cases)),
        "time": _seconds(sum(case.seconds for case in cases)),
    }


def _case_lines(case: JunitCase) -> Iterator[str]:
    attributes = {"classname": case.group, "name": case.name, "time": _seconds(case.seconds), **case.place}
    head = f"    <testcase{_attributes(attributes)}"
    inner = list(_inner(case))
    if inner:
        yield f"{head}>"
        yield from (f"      {line}" for line in inner)
        yield "    </testcase>"
    else:
        yield f"{head}/>"


def _inner(case: JunitCase) -> Iterator[str]:
    if case.failed is not None:
        yield f"<failure{_attributes({'message': case.failed})}>{_text(case.failed)}</failure>"
    if case.skipped is not None:
        yield f"<skipped{_attributes({'message': case.skipped})}/>"
    if case.said is not None:
        yield f"<system-out>{_text(case.said)}</system-out>"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _attributes(pairs: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_possible(value), _IN_ATTRIBUTE)}" for name, value in pairs.items())


def _text(text: str) -> str:
    return escape(_possible(text))


def _possible(text: str) -> str:
    """Write control characters out, and replace what XML cannot hold."""
    return _NO_CHARACTER.sub("\ufffd", visible(text))
