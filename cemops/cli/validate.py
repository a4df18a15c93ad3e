"""``cemops validate``: what is wrong with the estate file, as far as the file alone can show."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cemops.errors import UsageError
from cemops.execution.estate_file import ESTATE_VARIABLE, estate_path_from
from cemops.execution.validation import validate_file
from cemops.rendering.findings import findings_json, findings_text

if TYPE_CHECKING:
    from typer import Typer

NO_COLOUR_VARIABLE = "NO_COLOR"
"""no-color.org: set and not empty, nothing is coloured."""

EstateOption = Annotated[
    Path | None,
    typer.Option("--estate", help=f"The estate file (default inventory/estate.yaml, or {ESTATE_VARIABLE})."),
]
FormatOption = Annotated[Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 1 on any finding, warnings and infos too.")]
NoColourOption = Annotated[bool, typer.Option("--no-color", help="Plain text.")]
NowOption = Annotated[
    str | None,
    typer.Option("--now", help="Judge as at this time (ISO 8601; UTC where it names no zone)."),
]


def register(app: Typer) -> None:
    """Add the command to ``app``."""
    app.command("validate")(validate)


def validate(
    estate: EstateOption = None,
    output: FormatOption = "text",
    strict: StrictOption = False,
    no_colour: NoColourOption = False,
    now: NowOption = None,
) -> None:
    """Judge the estate file: models, references and rules. Opens no other file and no connection.

    Exit code: 1 on an error (on any finding with --strict), else 0.
    """
    validation = validate_file(estate_path_from(estate, os.environ), _time(now))
    if output == "json":
        typer.echo(findings_json(validation.findings))
    else:
        colour = not no_colour and not os.environ.get(NO_COLOUR_VARIABLE) and sys.stdout.isatty()
        typer.echo(findings_text(validation.findings, validation.file, colour=colour), color=colour)
    if validation.errors or (strict and validation.findings):
        raise typer.Exit(1)


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--now {text!r} is not a time: write it as in 2026-01-31T12:00:00Z") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
