"""A plan as Markdown, for the comment of a pull or merge request: what it comes to first, then host by host.

A comment has room for 65,536 characters at GitHub. What does not fit into :data:`LIMIT` is left out from the least
important end (diffs, steps of the operator, warnings, changes), and the comment says beside its summary what it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from cemops.model.counting import counted
from cemops.planning.changes import Change, HostPlan, HostStatus, Intent, Plan, PlanWarning
from cemops.rendering.markdown import LONGEST, code, fenced, sentence
from cemops.rendering.plan_text import Subject, changed_values, summary_sentence

LIMIT = 60_000
"""Characters of a comment."""
NAMED = 30
"""So many hosts are named in one line."""
_NOTE_ROOM = 400


class Kind(IntEnum):
    """What a piece tells, the most important first: the last are the first to be left out."""

    FAILURE = 1
    CUT_OFF = 2
    CHANGE = 3
    WARNING = 4
    STEP = 5
    DIFF = 6


_NOUNS = {
    Kind.FAILURE: ("failure", "failures"),
    Kind.CUT_OFF: ("line of what is cut off", "lines of what is cut off"),
    Kind.CHANGE: ("change", "changes"),
    Kind.WARNING: ("warning", "warnings"),
    Kind.STEP: ("step for the operator", "steps for the operator"),
    Kind.DIFF: ("diff", "diffs"),
}


@dataclass(frozen=True, eq=False)
class Piece:
    """Lines that are told whole or not at all; equal to itself alone."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; without anything below it is not there."""

    heading: str
    pieces: tuple[Piece, ...]


def mark(subject: Subject) -> str:
    """Return the first line, which shows nowhere: by it a pipeline finds the comment that it wrote before."""
    return f"<!-- cemops {subject} -->"


def plan_markdown(plan: Plan, subject: Subject = "plan") -> str:
    """Return the plan, or what has drifted, as Markdown of at most :data:`LIMIT` characters."""
    head = _head(plan, subject)
    sections = tuple(_sections(plan))
    kept = _fitting(sections, LIMIT - len(head) - _NOTE_ROOM)
    left_out = Counter(piece.kind for section in sections for piece in section.pieces if piece not in kept)
    parts = [head, *_note(left_out, subject)]
    for section in sections:
        told = [piece.text for piece in section.pieces if piece in kept]
        parts += [f"{section.heading}\n", *told, ""] if told else []
    return "\n".join(parts).rstrip("\n")


def _head(plan: Plan, subject: Subject) -> str:
    in_sync = [host.host for host in plan.hosts if host.status is HostStatus.IN_SYNC and host.managed]
    lines = [mark(subject), f"## cemops {subject}: {code(plan.estate)}", f"**{summary_sentence(plan, subject)}**"]
    if subject == "drift":
        lines += [f"Not drifted: {_named(in_sync)}."] if in_sync else []
        return "\n\n".join((*lines, f"Seen at {code(plan.created)}.")) + "\n"
    lines += [f"In sync: {_named(in_sync)}."] if in_sync else []
    drift = sum(change.intent is Intent.CORRECTIVE for host in plan.hosts for change in host.changes)
    undone = counted(drift, "change undoes", "changes undo")
    lines += [f"Drift: {undone} what was changed on hosts since the last apply."] if drift else []
    return "\n\n".join((*lines, f"Plan {code(plan.plan_id)} of {code(plan.created)}.")) + "\n"


def _note(left_out: Counter[Kind], subject: Subject) -> Iterator[str]:
    if left_out:
        told = ", ".join(counted(left_out[kind], *_NOUNS[kind]) for kind in Kind if left_out[kind])
        yield f"> **Cut at {LIMIT:,} characters.** Left out: {told}. `cemops {subject}` shows everything.\n"


def _fitting(sections: tuple[Section, ...], room: int) -> set[Piece]:
    """Choose what fits, kind after kind. Nothing comes after what did not fit, but a smaller diff after a diff."""
    kept: set[Piece] = set()
    headed: set[Section] = set()
    for kind in Kind:
        for section in sections:
            for piece in (piece for piece in section.pieces if piece.kind is kind):
                size = len(piece.text) + 1 + (0 if section in headed else len(section.heading) + 3)
                if size <= room:
                    room -= size
                    kept.add(piece)
                    headed.add(section)
                elif kind is not Kind.DIFF:
                    return kept
    return kept


def _sections(plan: Plan) -> Iterator[Section]:
    lines = (Piece(Kind.CUT_OFF, f"{number}. {sentence(line)}") for number, line in enumerate(plan.cut_off, 1))
    needed = f"Apply does it only with `--accept-lockout {len(plan.cut_off)}`."
    yield Section(f"### Cut off by this plan\n\n{needed}", tuple(lines))
    for host in plan.hosts:
        own = (*_failures(host), *_changes(host, drift=False))
        yield Section(f"### {code(host.host)}: {host.status}", own)
    for host in plan.hosts:
        yield Section(f"### Drift on {code(host.host)}", tuple(_changes(host, drift=True)))
    yield Section("### Warnings", tuple(_warnings(plan)))
    steps = (change for host in plan.hosts for change in host.changes if change.by_operator)
    yield Section("### For the operator", tuple(Piece(Kind.STEP, _change_text(step, step.host)) for step in steps))


def _failures(host: HostPlan) -> Iterator[Piece]:
    if host.error:
        yield Piece(Kind.FAILURE, f"- failed: {sentence(host.error)}")
    for refusal in host.refusals:
        yield Piece(Kind.FAILURE, f"- refused: {sentence(refusal)}")


def _changes(host: HostPlan, *, drift: bool) -> Iterator[Piece]:
    """Tell the changes that undo what was changed on the host since the last apply (``drift``), or the others."""
    for change in host.changes:
        if not change.by_operator and (change.intent is Intent.CORRECTIVE) is drift:
            yield Piece(Kind.CHANGE, _change_text(change))
            if change.diff:
                block = fenced(change.diff, "diff")
                yield Piece(Kind.DIFF, f"\n<details><summary>Diff</summary>\n\n{block}\n\n</details>\n")


def _change_text(change: Change, host: str | None = None) -> str:
    """Tell one change; a step of the operator begins with its host."""
    what = f"**{change.action}**" if host is None else code(host)
    lines = [f"- {what} {str(change.resource).replace('_', ' ')} {code(change.name)}: {sentence(change.reason)}"]
    for key, old, new in changed_values(change):
        value = code(new, LONGEST) if old is None else f"{code(old, LONGEST)} → {code(new, LONGEST)}"
        lines.append(f"  - {code(key)}: {value}")
    return "\n".join(lines)


def _warnings(plan: Plan) -> Iterator[Piece]:
    """Tell each warning once, with every host that it is for."""
    hosts: dict[PlanWarning, list[str]] = {}
    for host in plan.hosts:
        for warning in host.all_warnings:
            hosts.setdefault(warning, []).append(host.host)
    for warning, names in hosts.items():
        fact = f" ({warning.fact})" if warning.fact and f"({warning.fact})" not in warning.message else ""
        text = f"- {code(warning.code)} on {_named(names)}: {sentence(warning.message + fact)}"
        yield Piece(Kind.WARNING, text)


def _named(hosts: Iterable[str]) -> str:
    names = [code(host) for host in dict.fromkeys(hosts)]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
