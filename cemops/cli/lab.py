"""``cemops lab``: the estate on one machine, to try everything on and to test against."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cemops.cli.colors import colors_refused, refuse_colors
from cemops.cli.options import NoColorOption
from cemops.lab.demonstration import Demonstration, Step, StepName
from cemops.lab.estate_lab import Lab, take_down
from cemops.lab.folder import DEFAULT_FOLDER
from cemops.lab.report import lab_report

if TYPE_CHECKING:
    from types import FrameType

Folder = Annotated[
    Path,
    typer.Option("--dir", metavar="DIR", help="Folder of the lab; made by up, removed by down.", show_default=True),
]
Output = Annotated[Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")]

lab_app = typer.Typer(
    name="lab",
    help="Try it all on this machine, with real sshd and httpd.\n\n"
    "A lab is an estate of three gateways, one of them on Windows, with Windows servers behind them: stand-ins for "
    "Windows, real sshd and httpd, all in one folder and on loopback "
    "addresses only.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(lab_app)


@lab_app.command("up")
def up(folder: Folder = DEFAULT_FOLDER) -> None:
    """Start the lab and say how to use it.

    Afterwards `. DIR/env` makes every command work on it. Exit code 3 where it runs already.
    """
    _end_on_sigterm()
    lab = Lab.up(folder, tell=_tell)
    typer.echo(lab_report(folder).as_text())
    typer.echo(f"use it: . {lab.env_file}")


@lab_app.command("run")
def run(
    folder: Folder = DEFAULT_FOLDER,
    output: Output = "text",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab running at the end.")] = False,
    no_color: NoColorOption = False,
) -> None:
    """Show it all: up, plan, apply, probe and down.

    The steps are up, validate, plan, apply, plan again (must be empty), probe, down; it stops at the first that fails.
    """
    _end_on_sigterm()
    if no_color:
        refuse_colors()  # for the commands that the steps run, too
    steps = Demonstration(
        folder=folder, announce=_announce, finished=_finished, quiet=output == "json", keep=keep, tell=_tell
    ).run()
    if output == "json":
        typer.echo(json.dumps({"schema": 1, "steps": [step.as_json() for step in steps]}, indent=2))
    elif keep and steps[0].passed:
        typer.echo(f"the lab still runs; use it: . {Path(folder).resolve() / 'env'}")
    if not all(step.passed for step in steps):
        raise typer.Exit(1)


@lab_app.command("status")
def status(folder: Folder = DEFAULT_FOLDER, output: Output = "text") -> None:
    """Show each process, where it listens and whether it runs."""
    report = lab_report(folder)
    typer.echo(json.dumps(report.as_json(), indent=2) if output == "json" else report.as_text())


@lab_app.command("down")
def down(folder: Folder = DEFAULT_FOLDER) -> None:
    """End every process of the lab and remove its folder."""
    was_there = take_down(folder)
    typer.echo(f"the lab in {folder} is gone" if was_there else f"there is no lab in {folder}", err=True)


def _tell(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _announce(step: StepName, question: str) -> None:
    typer.echo(_styled(f"== {step}: {question}", bold=True), err=True)


def _finished(step: Step) -> None:
    word = _styled("ok", fg="green") if step.passed else _styled("FAILED", fg="red", bold=True)
    typer.echo(f"== {step.step}: {word} in {step.seconds:.1f} s; {step.detail}\n", err=True)


def _styled(text: str, *, fg: str | None = None, bold: bool | None = None) -> str:
    """Style text for a terminal; ``typer.echo`` takes the styles out elsewhere."""
    return text if colors_refused() else typer.style(text, fg=fg, bold=bold)


def _end_on_sigterm() -> None:
    """Make SIGTERM end this command as Ctrl-C does, so that what it started is ended too."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, interrupt)
