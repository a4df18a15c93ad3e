"""``cemops validate``: what is wrong with the estate file, as far as the file alone can show."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cemops.cli.options import EstateOption, NoColorOption, NowOption, time_of
from cemops.execution.estate_file import estate_path_from
from cemops.execution.validation import validate_file
from cemops.rendering.findings import findings_json, findings_text

if TYPE_CHECKING:
    from typer import Typer

NO_COLOR_VARIABLE = "NO_COLOR"
"""no-color.org: set and not empty, nothing is colored."""

FormatOption = Annotated[Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 1 on any finding, warnings and infos too.")]


def register(app: Typer) -> None:
    """Add the command to ``app``."""
    app.command("validate")(validate)


def validate(
    estate: EstateOption = None,
    output: FormatOption = "text",
    strict: StrictOption = False,
    no_color: NoColorOption = False,
    now: NowOption = None,
) -> None:
    """Judge the estate file: models, references and rules. Opens no other file and no connection.

    Exit code: 1 on an error (on any finding with --strict), else 0.
    """
    validation = validate_file(estate_path_from(estate, os.environ), time_of(now))
    if output == "json":
        typer.echo(findings_json(validation.findings))
    else:
        color = not no_color and not os.environ.get(NO_COLOR_VARIABLE) and sys.stdout.isatty()
        typer.echo(findings_text(validation.findings, validation.file, color=color), color=color)
    if validation.errors or (strict and validation.findings):
        raise typer.Exit(1)
