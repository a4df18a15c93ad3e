"""Colours on stderr of a terminal: an error is red, and is not where NO_COLOR or --no-color says so."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from cemops.cli import colors
from cemops.cli.messages import progress

ROOT = Path(__file__).parents[3]


def said_on_a_terminal(folder: Path, *words: str, **variables: str) -> str:
    """Run a command that fails with stderr on a terminal, and return what it said there."""
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    master, terminal = pty.openpty()
    os.set_blocking(master, False)
    try:
        subprocess.run(
            [sys.executable, "-m", "cemops", *words],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            timeout=120,
            check=False,
        )
        return os.read(master, 4096).decode()
    finally:
        os.close(terminal)
        os.close(master)


@pytest.mark.parametrize(
    ("words", "variables", "colored"),
    [
        (("--bogus",), {"NO_COLOR": ""}, True),
        (("--bogus",), {"NO_COLOR": "1"}, False),
        (("--no-color", "--bogus"), {}, False),
    ],
)
def test_an_error_on_a_terminal_is_red_unless_colors_are_refused(
    tmp_path: Path, words: tuple[str, ...], variables: dict[str, str], colored: bool
) -> None:
    said = said_on_a_terminal(tmp_path, "validate", *words, **variables)
    assert "cemops: " in said
    assert ("\x1b[" in said) is colored


def test_progress_on_a_terminal_has_no_color_where_they_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn() -> str:
        master, terminal = pty.openpty()
        with os.fdopen(terminal, "w") as stderr, monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", stderr)
            with progress("Observing", 2) as lines:
                lines.done("gw1")
        try:
            return os.read(master, 65536).decode()
        finally:
            os.close(master)

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[38;5" in drawn()
    colors.refuse_colors()
    assert "\x1b[3" not in drawn()
