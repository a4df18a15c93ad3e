"""`--help` in a terminal of 80 columns: every command is summed up in a whole sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

MINE = {"validate", "schema", "probe", "lab", "up", "run", "status", "down"}


def cemops(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as its users do: in a process of its own, since it patches sockets and threads for gevent."""
    return subprocess.run(
        [sys.executable, "-m", "cemops", *arguments],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("written", ["x", "nan", "0", "-1", "601", "1e9", ""])
def test_a_wrong_timeout_is_refused_in_our_words(written: str) -> None:
    result = cemops("probe", f"--timeout={written}")
    assert result.returncode == 64
    assert f"--timeout {written!r} is no time that an attempt can have: write" in result.stderr


@pytest.mark.parametrize("group", [[], ["lab"]])
def test_a_summary_is_a_whole_sentence(group: list[str]) -> None:
    text = cemops(*group, "--help").stdout
    _, _, commands = text.partition("Commands:\n")
    summaries = dict(re.findall(r"^  (\w+) +(.*)$", commands, re.MULTILINE))
    assert summaries
    cut = {name: text for name, text in summaries.items() if not text.endswith(".") or text.endswith(("...", "`."))}
    assert not cut.keys() & MINE, cut


@pytest.mark.parametrize("command", [["probe"], ["lab", "up"], ["validate"]])
def test_no_option_shows_a_type_of_python(command: list[str]) -> None:
    text = cemops(*command, "--help").stdout
    assert "Options:" in text
    assert not re.search(r"list\[|range>|<path>|x<=", text), text
