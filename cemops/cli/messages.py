"""What a command says beside its result: errors, progress, notes. All on stderr; stdout is for the result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from cemops.cli.colors import colored, colors_refused
from cemops.model.counting import counted
from cemops.rendering.terminal import visible


def say(sentence: str) -> None:
    """Say something that is not the result."""
    typer.echo(visible(sentence), err=True)


def say_error(sentence: str) -> None:
    """Say what went wrong."""
    said = f"cemops: {visible(sentence)}"
    typer.echo(typer.style(said, fg="red") if colored(sys.stderr) else said, err=True)


class ProgressLines:
    """Progress of work over hosts: a bar on a terminal, a plain line a host elsewhere."""

    def __init__(self, advance: Callable[[], None] | None) -> None:
        self._advance = advance

    def done(self, sentence: str) -> None:
        """One more host is done."""
        if self._advance is None:
            say(sentence)
        else:
            self._advance()


@contextmanager
def progress(title: str, total: int) -> Iterator[ProgressLines]:
    """Show progress on stderr while the block runs."""
    if not sys.stderr.isatty():
        say(f"{title} ({counted(total, 'host')})")
        yield ProgressLines(None)
        return
    # Imported where there is a terminal: it takes 30 ms, and most runs have none.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415 - as above

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True, no_color=colors_refused()), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield ProgressLines(lambda: bar.advance(task))
