"""A plan as text for people: what happens on which host, why, and what to beware of; 80 columns where words allow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Literal

from cemops.model.counting import counted
from cemops.planning.changes import Action, Change, HostPlan, HostStatus, Intent, Plan, PlanWarning, summarize
from cemops.rendering.terminal import visible

Subject = Literal["plan", "drift"]
"""What is told: everything that an apply would do, or what has drifted alone."""
WIDTH = 80
_DIFF_HEAD = 3
"""Lines of a new file's diff before its first line: the two names and the position."""
_SIGNS = {
    Action.CREATE: "+",
    Action.DELIVER: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "!",
    Action.DELETE: "-",
    Action.RELOAD: "~",
    Action.RESTART: "!",
    Action.OPERATOR: "?",
}
_STATUS = {
    HostStatus.CHANGES: "changes",
    HostStatus.IN_SYNC: "in sync",
    HostStatus.UNREACHABLE: "UNREACHABLE",
    HostStatus.ERROR: "ERROR",
}
_DRIFT = {HostStatus.CHANGES: "drifted", HostStatus.IN_SYNC: "not drifted"}


def plan_text(plan: Plan, *, brief: bool = False, subject: Subject = "plan") -> str:
    """Return the plan as text, ending with its summary; ``brief`` leaves out the text of new files."""
    lines = [line for host in plan.hosts for line in _host_lines(host, subject, brief=brief)]
    return visible("\n".join([*lines, *_cut_off_lines(plan), *wrapped(summary_sentence(plan, subject))]))


def change_lines(change: Change, *, diff: bool = True, brief: bool = False) -> Iterator[str]:
    """Yield one change: what, why, before and after, its diff (``brief``: not that of a new file), its warnings."""
    yield from map(visible, _change_lines(change, diff=diff, brief=brief))


def _change_lines(change: Change, *, diff: bool, brief: bool) -> Iterator[str]:
    drift = " (drift)" if change.intent is Intent.CORRECTIVE else ""
    yield f"  {_SIGNS[change.action]} {change.action} {change.resource} {change.name}{drift}"
    yield from wrapped(change.reason, "      ")
    yield from _data_lines(change)
    if brief and change.diff and change.action is Action.CREATE:
        yield f"      {change.diff.count(chr(10)) - _DIFF_HEAD} lines (`cemops plan` shows them)"
    elif diff and change.diff:
        yield from (f"      {line}" for line in change.diff.removesuffix("\n").split("\n"))
    for warning in change.warnings:
        yield from _warning_lines(warning, "      ")


def warning_lines(plan: HostPlan) -> Iterator[str]:
    """Yield every warning of a host in one line each."""
    for warning in plan.all_warnings:
        yield visible(f"warning {warning.code}: {warning.message}{_fact(warning)}")


def _host_lines(host: HostPlan, subject: Subject, *, brief: bool) -> Iterator[str]:
    status = {**_STATUS, **_DRIFT}[host.status] if subject == "drift" else _STATUS[host.status]
    status = status if host.managed else "not managed yet"
    yield f"{host.host}: {status}"
    if host.error:
        yield from wrapped(host.error, "    ")
    for change in host.changes:
        yield from change_lines(change, brief=brief)
    for refusal in host.refusals:
        yield from wrapped(f"refused: {refusal}", "  ")
    for warning in host.warnings:
        yield from _warning_lines(warning, "  ")
    yield ""


def changed_values(change: Change) -> Iterator[tuple[str, str | None, str]]:
    """Yield the keys in which before (None: nothing) and after differ; a diff of text says more than a digest."""
    before, after = change.before or {}, change.after or {}
    for key in (key for key in {**before, **after} if key != "digest"):
        old, new = before.get(key), after.get(key)
        if old != new and new is not None:
            yield key, None if old is None else str(old), str(new)


def _data_lines(change: Change) -> Iterator[str]:
    for key, old, new in changed_values(change):
        yield from wrapped(f"{key}: {new}" if old is None else f"{key}: {old} -> {new}", "      ")


def _warning_lines(warning: PlanWarning, indent: str) -> Iterator[str]:
    yield from wrapped(f"warning {warning.code}: {warning.message}{_fact(warning)}", indent)


def _fact(warning: PlanWarning) -> str:
    return f" ({warning.fact})" if warning.fact and f"({warning.fact})" not in warning.message else ""


def wrapped(text: str, indent: str = "", further: str | None = None) -> list[str]:
    """Return the lines of a text at 80 columns; ``further``: the indent of its second line and those after it."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cut_off_lines(plan: Plan) -> Iterable[str]:
    if not plan.cut_off:
        return
    yield f"Cut off by this plan (apply needs --accept-lockout {len(plan.cut_off)}):"
    for number, line in enumerate(plan.cut_off, 1):
        yield from wrapped(line, f"  {number}. ", "     ")
    yield ""


def summary_sentence(plan: Plan, subject: Subject = "plan") -> str:
    """Sum a plan up in one sentence of counts; no text of anybody is in it."""
    counts = summarize(plan.hosts)
    done = [
        f"{counts[str(action)]} to {action}"
        for action in Action
        if action is not Action.OPERATOR and counts[str(action)]
    ]
    notes = [f"{counts['operator']} for the operator"] if counts["operator"] else []
    notes += [counted(counts["warnings"], "warning")] if counts["warnings"] else []
    if not plan.hosts:
        return "Nothing was planned: no machine of that name has a connection (`cemops plan` manages those that do)."
    failures = sum(host.status in (HostStatus.UNREACHABLE, HostStatus.ERROR) for host in plan.hosts)
    if plan.has_changes or failures:
        failed = [f"{failures} failed"] if failures else []
        of_hosts = f"{counts['hosts_changed']} of {counted(counts['hosts'], 'host')}"
        changing = f"Plan: {of_hosts} to change" if subject == "plan" else f"Drift: {of_hosts} drifted"
        return f"{', '.join([changing, *done, *notes, *failed])}."
    if subject == "drift":
        noted = f" ({', '.join(notes)})" if notes else ""
        return f"Nothing has drifted on {counted(counts['hosts'], 'host')}.{noted}"
    in_sync = sum(host.managed for host in plan.hosts)
    answer = f"Nothing to do: {counted(in_sync, 'host')} {'is' if in_sync == 1 else 'are'} as declared."
    if counts["operator"]:
        answer = "Nothing to do for cemops; what is left is for people."
    if plan.needs_consent:
        answer = "No machine is to be changed, but it has to be accepted who is cut off by what the estate says."
    return f"{answer} ({', '.join(notes)})" if notes else answer
