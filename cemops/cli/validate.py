"""``cemops validate``: what is wrong with the estate file, as far as the file alone can show."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cemops.cli.colors import colored
from cemops.cli.options import EstateOption, NoColorOption, NowOption, time_of
from cemops.execution.estate_file import estate_path_from
from cemops.execution.validation import Validation, validate_file
from cemops.rendering.findings import findings_json, findings_text

if TYPE_CHECKING:
    from typer import Typer


FormatOption = Annotated[
    Literal["text", "json", "sarif", "junit", "github", "gitlab"],
    typer.Option(
        "--format",
        help="text for people, json for programs, sarif for code scanning, junit for build servers, github and gitlab"
        " to mark the lines of a change. Run it at the top of the repository, so that files have its names.",
    ),
]
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
    if output == "text":
        color = not no_color and colored(sys.stdout)
        typer.echo(findings_text(validation.findings, validation.file, color=color), color=color)
    elif text := for_programs(validation, output, strict=strict):
        typer.echo(text)
    if validation.errors or (strict and validation.findings):
        raise typer.Exit(1)


def for_programs(validation: Validation, output: str, *, strict: bool) -> str:
    """Give the findings in a format for programs; each is imported where it is asked for, for a quick start."""
    findings, file = validation.findings, validation.file
    match output:
        case "sarif":
            from cemops.rendering.findings_sarif import findings_sarif  # noqa: PLC0415 - see above

            return findings_sarif(findings, file, Path.cwd())
        case "junit":
            from cemops.rendering.findings_junit import findings_junit  # noqa: PLC0415 - see above

            return findings_junit(findings, file, Path.cwd(), strict=strict)
        case "github":
            from cemops.rendering.findings_github import findings_github  # noqa: PLC0415 - see above

            return findings_github(findings, file, Path.cwd())
        case "gitlab":
            from cemops.rendering.findings_gitlab import findings_gitlab  # noqa: PLC0415 - see above

            return findings_gitlab(findings, file, Path.cwd())
        case _:
            return findings_json(findings)
