"""A plan on a terminal: the same text as elsewhere, with colours where they help."""

from __future__ import annotations

import sys

import typer

from cemops.cli.colors import colored
from cemops.planning.changes import Plan
from cemops.rendering.plan_text import Subject, plan_text

_COLORS = {"+": "green", "~": "yellow", "!": "red", "-": "red", "?": "cyan"}


def show_plan(plan: Plan, *, color: bool, brief: bool = False, subject: Subject = "plan") -> None:
    """Print a plan as text."""
    text = plan_text(plan, brief=brief, subject=subject)
    if not color or not colored(sys.stdout):
        typer.echo(text)
        return
    for line in text.split("\n"):
        typer.secho(line, fg=_color_of(line))


def _color_of(line: str) -> str | None:
    stripped = line.strip()
    if stripped.startswith("warning"):
        return "yellow"
    if line.startswith("  ") and len(stripped) > 1 and stripped[1] == " ":
        return _COLORS.get(stripped[0])
    if line.startswith(("      +", "      -")):
        return _COLORS[stripped[0]]
    return None
