"""The probe's report for people, in 80 columns: what passed in one line for each id, what did not in full."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.probe.checks import CheckResult, ProbeReport, Result

WIDTH = 80
_INDENT = " " * 6
_ID_WIDTH = 30

_GREEN, _RED, _YELLOW, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
_COLORS: dict[Result, str] = {"pass": _GREEN, "fail": _RED, "skipped": _YELLOW}


@dataclass(frozen=True)
class Style:
    """How to write: with ANSI colours or without, with signs beyond ASCII or without."""

    color: bool = False
    unicode: bool = True

    def sign(self, result: Result) -> str:
        """Return the sign at the start of a line."""
        signs = {"pass": "✓", "fail": "✗", "skipped": "-"} if self.unicode else {}
        sign = signs.get(result, {"pass": "+", "fail": "x", "skipped": "-"}[result])
        return f"{_COLORS[result]}{sign}{_PLAIN}" if self.color else sign


def report_text(report: ProbeReport, style: Style) -> str:
    """Write the report: each gateway with its checks, then the summary."""
    gateways = dict.fromkeys(one.gateway for one in report.results)
    lines: list[str] = []
    for gateway in gateways:
        lines += [gateway, *_gateway_lines([one for one in report.results if one.gateway == gateway], style), ""]
    return "\n".join((*lines, *_summary(report))) + "\n"


def _gateway_lines(results: list[CheckResult], style: Style) -> Iterator[str]:
    for check in dict.fromkeys(one.check for one in results):
        same = [one for one in results if one.check is check]
        passed = [one for one in same if one.result == "pass"]
        if passed:
            share = f"{len(passed)} of {len(same)}" if len(same) > 1 else passed[0].target
            yield _line(style, "pass", check.value, _with_time(share, max(one.verdict.ms for one in passed)))
        yield from _told_in_full([one for one in same if one.result != "pass"], style)


def _told_in_full(results: list[CheckResult], style: Style) -> Iterator[str]:
    """Write failures and skipped checks, those with the same words together."""
    for result, detail in dict.fromkeys((one.result, one.verdict.detail) for one in results):
        same = [one for one in results if (one.result, one.verdict.detail) == (result, detail)]
        targets = same[0].target + (f" and {len(same) - 1} more" if len(same) > 1 else "")
        yield _line(style, result, same[0].check.value, targets)
        yield from _wrapped(detail)


def _wrapped(text: str) -> list[str]:
    """Fold to the width; a name that is longer stays whole, to be copied."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _line(style: Style, result: Result, check: str, rest: str) -> str:
    head = f"  {style.sign(result)} {check:<{_ID_WIDTH}}"
    visible = 4 + _ID_WIDTH + 1
    if visible + len(rest) <= WIDTH:
        return f"{head} {rest}".rstrip()
    return "\n".join((head.rstrip(), *_wrapped(rest)))


def _with_time(text: str, ms: float) -> str:
    return f"{text:<33} {ms:>6.0f} ms"


def _summary(report: ProbeReport) -> Iterator[str]:
    yield f"{report.count('pass')} passed, {report.count('fail')} failed, {report.count('skipped')} skipped"
    for gateway in report.unproven_gateways:
        yield from textwrap.wrap(
            f"Nothing is proven of {gateway}: no agent was seen to get through it to a server.", WIDTH
        )
