"""The probe's report for people, in 80 columns: what passed in one line for each id, what did not in full."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.model.counting import counted
from cemops.probe.checks import UNCHECKED, CheckId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.probe.checks import CheckResult, ProbeReport, Result

WIDTH = 80
_INDENT = " " * 6
_ID_WIDTH = 30
KINDS_TOLD_ONCE = 3
"""A cause that this many kinds of checks share is told once."""

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
    common = [_alike(results, *cause) for cause in _common_causes(results)]
    for alike in common:
        yield from _told_once(alike, style)
    told = [one for alike in common for one in alike]
    for check in dict.fromkeys(one.check for one in results):
        same = [one for one in results if one.check is check]
        passed = [one for one in same if one.result == "pass"]
        if passed:
            share = f"{len(passed)} of {len(same)}" if len(same) > 1 else passed[0].target
            yield _line(style, "pass", check.value, _with_time(share, max(one.verdict.ms for one in passed)))
        rest = [one for one in same if one.result != "pass" and one not in told]
        yield from _told_in_full(rest, style)


def _common_causes(results: list[CheckResult]) -> list[tuple[Result, str]]:
    """Give what came of many kinds of checks in the same words: nobody listens, or there is no agent to play."""
    kinds: dict[tuple[Result, str], set[CheckId]] = {}
    for one in results:
        if one.result != "pass":
            kinds.setdefault((one.result, one.verdict.detail), set()).add(one.check)
    return [cause for cause, checks in kinds.items() if len(checks) >= KINDS_TOLD_ONCE]


def _alike(results: list[CheckResult], result: Result, detail: str) -> list[CheckResult]:
    """Give the checks with a cause, the tunnels that did not open because of it among them."""
    tunnel = detail.removeprefix(UNCHECKED) + "; " if detail.startswith(UNCHECKED) else None
    return [
        one
        for one in results
        if one.result == result
        and (
            one.verdict.detail == detail
            or (one.check is CheckId.TUNNEL_ALLOWED and tunnel is not None and one.verdict.detail.startswith(tunnel))
        )
    ]


def _told_once(results: list[CheckResult], style: Style) -> Iterator[str]:
    """Write one cause with all the checks that it holds for."""
    kinds = dict.fromkeys(one.check.value.removeprefix("gateway.") for one in results)
    yield _line(style, results[0].result, f"{len(results)} checks alike", "")
    # The longest one says what to look at, too.
    yield from _wrapped(max((one.verdict.detail.removeprefix(UNCHECKED) for one in results), key=len))
    yield from _wrapped(f"({', '.join(kinds)})")


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
        refused = sum(
            one.gateway == gateway and one.result == "pass" and one.check.expect == "deny" for one in report.results
        )
        seen = f"{counted(refused, 'refusal')} {'was' if refused == 1 else 'were'} seen, but " if refused else ""
        yield from textwrap.wrap(
            f"{gateway} is not proven: {seen}no agent was seen to get through it to a server.", WIDTH
        )
