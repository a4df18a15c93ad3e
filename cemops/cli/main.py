"""The ``cemops`` command: its commands put together, and how every error ends.

gevent's monkey patch comes before anything that imports ssl or requests (pyinfra's API mode needs it so).
"""

from __future__ import annotations

from importlib import metadata

from gevent import monkey

# For each of the 25 things that it patches, gevent looks through every installed package for plug-ins: look once.
_asking = metadata.entry_points
metadata.entry_points = _asking().select
monkey.patch_all()
metadata.entry_points = _asking

import gc

# Imports and estates make many objects that all live to the end: looking for garbage took an eighth of the start.
gc.set_threshold(100_000, 50, 50)

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import gevent
import typer

from cemops import __version__
from cemops.cli.colors import refuse_colors
from cemops.cli.messages import say, say_error
from cemops.cli.tracebacks import traceback_text
from cemops.errors import CemopsError, StoppedError, UsageError
from cemops.execution.interruption import end_with

COMMANDS = (
    "init",
    "validate",
    "schema",
    "plan",
    "apply",
    "drift",
    "history",
    "unlock",
    "observe",
    "probe",
    "gateway",
    "lab",
)
"""Modules of this package, in the order of the help."""
INTERRUPTED = StoppedError.exit_code
_INTERRUPTED_SENTENCE = (
    "interrupted. A gateway that was switched and not yet confirmed goes back by itself; "
    "look with `cemops plan`, and go on with `cemops apply`"
)


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Put the commands together: all of them, or the one that ``arguments`` name, for imports are half of a start."""
    app = typer.Typer(
        name="cemops",
        help="Infrastructure as code for Cloud-enabled Management (CEM): declare, judge, plan, apply, prove.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @app.callback()
    def common(
        debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
        version: Annotated[
            bool,
            typer.Option("--version", help="Show the version and end.", is_eager=True, callback=_show_version),
        ] = False,
    ) -> None:
        del debug, version  # --debug is read in run(), so that it works wherever it stands

    wanted = next((argument for argument in arguments if not argument.startswith("-")), "")
    for name in (wanted,) if wanted in COMMANDS else COMMANDS:
        import_module(f"cemops.cli.{name}").register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cemops {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; the exit code is the contract's (DESIGN.md, Commands)."""
    # SIGPIPE stays ignored: its default would end an apply for all hosts where one of them cuts its connection
    interrupt = end_with(gevent.getcurrent())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    code = run(sys.argv[1:])
    gc.freeze()  # what is left goes with the process: looking through all of it for garbage took 0.1 s at the end
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code: 64 for wrong usage, never 2."""
    debug = "--debug" in arguments
    if "--no-color" in arguments:
        refuse_colors()  # here, so that it holds for wrong usage, too
    try:
        result = build_app(arguments)(
            args=[argument for argument in arguments if argument != "--debug"],
            prog_name="cemops",
            standalone_mode=False,
        )
    except Exception as error:  # noqa: BLE001 - the last boundary: no traceback without --debug
        return _exit_code(error, debug=debug)
    except KeyboardInterrupt:
        result = INTERRUPTED
    if result == INTERRUPTED:  # typer, too, makes this number of a KeyboardInterrupt
        say_error(_INTERRUPTED_SENTENCE)
    return result if isinstance(result, int) else 0


def _exit_code(error: Exception, *, debug: bool) -> int:
    """Say what an exception means for the operator, and return the contract's exit code for it."""
    match error:
        case typer.Exit():
            return error.exit_code
        case typer.Abort():
            say_error("interrupted")
            return INTERRUPTED
        case typer.TyperException():
            return _wrong_usage(error)
        case CemopsError():
            return _failed(error, debug=debug)
        case _:
            return _unexpected(error, debug=debug)


def _wrong_usage(error: typer.TyperException) -> int:
    message = error.format_message().replace("Value error, ", "")
    if message.startswith("Usage:"):
        typer.echo(message, err=True)  # no command was given: its help is the answer
    else:
        context = getattr(error, "ctx", None)
        where = f" See `{context.command_path} --help`." if context is not None else ""
        say_error(f"{message.rstrip('.')}.{where}")
    return UsageError.exit_code


def _failed(error: CemopsError, *, debug: bool) -> int:
    say_error(str(error))
    if debug:
        say(traceback_text(error))
    return error.exit_code


def _unexpected(error: Exception, *, debug: bool) -> int:
    if debug:
        say(traceback_text(error))
    else:
        say_error(f"an error inside cemops ({type(error).__name__}): run the command again with --debug and report it")
    return 1
