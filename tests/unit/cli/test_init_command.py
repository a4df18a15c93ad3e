from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cemops.cli import init
from cemops.errors import UsageError
from cemops.rendering.scaffold import scaffold

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> Any:
    app = typer.Typer()
    init.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_every_file_is_named_and_there_and_the_next_step_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "our estate"
    result = run(str(folder))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [str(folder / file.path) for file in scaffold()]
    assert all((folder / file.path).read_text("utf-8") == file.text for file in scaffold())
    assert f"Next: cd '{folder}'; grep" in result.stderr
    assert "`git init` comes before `pre-commit install`" in result.stderr


def test_in_the_folder_itself_nobody_is_told_to_go_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Next: grep" in run(".").stderr


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    result = run(str(tmp_path))
    assert isinstance(result.exception, UsageError)
    assert f"{tmp_path} holds notes.txt: init writes" in str(result.exception)


@pytest.mark.parametrize(("arguments", "code"), [(["new"], 0), (["."], 64), ([], 64)])
def test_exit_codes_are_the_contract_and_a_new_repository_wants_to_be_filled_in(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    (tmp_path / "in the way").touch()

    def cemops(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "CEMOPS_ESTATE"}
        return subprocess.run(
            [sys.executable, "-m", "cemops", *words],
            cwd=cwd,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = cemops("init", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    if code == 0:
        validated = cemops("validate", cwd=tmp_path / "new")
        assert validated.returncode == 1
        assert "inventory/estate.yaml: 9 errors, 0 warnings" in validated.stdout
