"""What a command says beside its result: errors, progress, notes. All on stderr; stdout is for the result."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from cemops.model.counting import counted
from cemops.rendering.terminal import visible


def say(sentence: str) -> None:
    """Say something that is not the result."""
    typer.echo(visible(sentence), err=True)


def say_error(sentence: str) -> None:
    """Say what went wrong."""
    typer.secho(f"cemops: {visible(sentence)}", err=True, fg="red" if sys.stderr.isatty() else None)


class ProgressLines:
    """Progress of work over hosts: a bar on a terminal, a plain line a host elsewhere."""

    def __init__(self, progress: Progress | None, task: int) -> None:
        self._progress = progress
        self._task = task

    def done(self, sentence: str) -> None:
        """One more host is done."""
        if self._progress is None:
            say(sentence)
        else:
            self._progress.advance(self._task)  # type: ignore[arg-type]  # rich's TaskID is an int


@contextmanager
def progress(title: str, total: int) -> Iterator[ProgressLines]:
    """Show progress on stderr while the block runs."""
    if not sys.stderr.isatty():
        say(f"{title} ({counted(total, 'host')})")
        yield ProgressLines(None, 0)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield ProgressLines(bar, bar.add_task(title, total=total))
