"""`--help` in a terminal of 80 columns: every command is summed up in a whole sentence."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from cemops.cli.main import build_app
from cemops.errors import UsageError

MINE = {"validate", "schema", "probe", "lab", "up", "run", "status", "down"}


@pytest.mark.parametrize("written", ["x", "nan", "0", "-1", "601", "1e9", ""])
def test_a_wrong_timeout_is_refused_in_our_words(written: str) -> None:
    result = CliRunner().invoke(build_app(), ["probe", f"--timeout={written}"])
    assert isinstance(result.exception, UsageError)
    assert result.exception.message.startswith(f"--timeout {written!r} is no time that an attempt can have: write")


@pytest.mark.parametrize("group", [[], ["lab"]])
def test_a_summary_is_a_whole_sentence(group: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(build_app(), [*group, "--help"], terminal_width=80).output
    _, _, commands = text.partition("Commands:\n")
    summaries = dict(re.findall(r"^  (\w+) +(.*)$", commands, re.MULTILINE))
    assert summaries
    cut = {name: text for name, text in summaries.items() if not text.endswith(".") or text.endswith(("...", "`."))}
    assert not cut.keys() & MINE, cut


@pytest.mark.parametrize("command", [["probe"], ["lab", "up"], ["validate"]])
def test_no_option_shows_a_type_of_python(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(build_app(), [*command, "--help"]).output
    assert not re.search(r"list\[|range>|<path>|x<=", text), text
