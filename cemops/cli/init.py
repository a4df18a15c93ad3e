"""``cemops init``: a new estate repository, ready to fill in."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cemops.cli.messages import say
from cemops.execution.new_repository import write_repository
from cemops.rendering.scaffold import scaffold

if TYPE_CHECKING:
    from typer import Typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the repository; new or empty.")]


def register(app: Typer) -> None:
    """Add the command to ``app``."""
    app.command("init")(init)


def init(folder: Folder) -> None:
    """Write a new estate repository, ready to fill in.

    It holds an estate to fill in, what stock pyinfra needs, pipelines for GitLab and GitHub, a pre-commit hook,
    CODEOWNERS and a schema for editors. Nothing is asked and nothing is overwritten: exit code 64 where DIR is not
    empty.
    """
    files = scaffold()
    write_repository(folder, files)
    for file in files:
        typer.echo(folder / file.path)
    inside = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))}; "
    say(f'Next: {inside}grep -rn "CHANGE.ME" . shows what to fill in; then `cemops validate` refuses what is left.')
    say("`git init` comes before `pre-commit install`. README.md says the rest.")
