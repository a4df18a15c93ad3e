"""Options that several commands have, with the same name, meaning and help everywhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cemops.errors import UsageError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import estate_path_from, read_estate
from cemops.planning.managed import Deploy

EstateOption = Annotated[
    Path | None,
    typer.Option(
        "--estate", metavar="FILE", help="The estate file. [default: $CEMOPS_ESTATE, else inventory/estate.yaml]"
    ),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option("--limit", metavar="HOST,GROUP", help="Only these hosts and groups; comma-separated or repeated."),
]
DeployOption = Annotated[
    Deploy | None,
    typer.Option(
        "--deploy", metavar="NAME", help="Only the machines of one deploy: agent_site, site_servers or gateway."
    ),
]
NowOption = Annotated[
    str | None, typer.Option("--now", metavar="ISO8601", help="Judge dates as of this time instead of the clock's.")
]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colours.")]


def context_of(estate: Path | None) -> EstateContext:
    """Read the estate that the options name. Raises EstateError with every problem."""
    return EstateContext.of(read_estate(estate_path_from(estate, os.environ)))


def names_of(limit: list[str] | None) -> tuple[str, ...]:
    """Split ``--limit a,b --limit c`` into names; none without the option.

    Raises UsageError where the option holds no name: ``--limit "$EMPTY"`` must not mean every host.
    """
    names = tuple(name.strip() for part in limit or () for name in part.split(",") if name.strip())
    if limit and not names:
        raise UsageError("--limit names nothing: give hosts or groups, or leave it out for every host")
    return names


def reason_of(text: str | None) -> str | None:
    """Return why a change window is overridden. Raises UsageError where nothing is said."""
    if text is not None and not text.strip():
        raise UsageError("--override-window needs a reason: it is recorded, and somebody will read it")
    return None if text is None else text.strip()


def time_of(now: str | None) -> datetime:
    """Return the time to judge by (aware, UTC). Raises UsageError where the text is no time."""
    if now is None:
        return datetime.now(UTC)
    try:
        parsed = datetime.fromisoformat(now)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--now {now!r} is no time: write it like 2026-11-22T10:30:00Z") from None
