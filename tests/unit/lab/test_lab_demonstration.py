"""`cemops lab run`: the order of its steps, and that it ends what it began."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from cemops.cli.lab import register
from cemops.errors import CemopsError
from cemops.lab.demonstration import Demonstration
from cemops.lab.estate_lab import Lab

ALL = ["up", "validate", "plan", "apply", "replan", "probe", "down"]


@dataclass
class RecordingLab:
    """A lab that starts nothing and answers commands from a table: command line -> (exit code, stdout)."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    downs: int = 0
    folder: Path = Path("/srv/lab")

    def cemops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        line = " ".join(arguments)
        self.commands.append(line)
        answer = self.answers.get(line, (0, '{"schema": 1, "summary": {"pass": 12, "hosts_changed": 0}}'))
        if answer[0] < 0:
            raise subprocess.TimeoutExpired(line, 600)
        if answer[0] == 130:
            raise KeyboardInterrupt
        return subprocess.CompletedProcess(arguments, answer[0], answer[1], "first\nlast line\n" if answer[0] else "")

    def down(self) -> None:
        self.downs += 1


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> RecordingLab:
    recording = RecordingLab()
    monkeypatch.setattr(Lab, "up", lambda *_: recording)
    return recording


def run(*, keep: bool = False) -> list[dict[str, Any]]:
    told: list[str] = []
    steps = Demonstration(
        folder=Path("/srv/lab"),
        announce=lambda step, _question: told.append(step),
        finished=lambda step: told.append(step.step),
        quiet=True,
        keep=keep,
    ).run()
    assert told == [step.step for step in steps for _ in range(2)]
    return [step.as_json() for step in steps]


def test_every_step_is_the_command_that_an_operator_types(lab: RecordingLab) -> None:
    steps = run()
    assert [(step["step"], step["result"]) for step in steps] == [(name, "pass") for name in ALL]
    assert lab.commands == [
        "validate --format json",
        "plan --brief --format json",
        "apply --yes --format json",
        "plan --detailed-exitcode --format json",
        "probe --format json",
    ]
    assert steps[5]["detail"] == "12 pass, 0 hosts changed"
    assert lab.downs == 1


def test_it_stops_at_the_first_failure_and_goes_down(lab: RecordingLab) -> None:
    lab.answers["apply --yes --format json"] = (1, "no json")
    steps = run()
    assert [step["step"] for step in steps] == ["up", "validate", "plan", "apply", "down"]
    assert steps[3]["result"] == "fail"
    assert steps[3]["detail"] == "last line"
    assert lab.downs == 1


def test_changes_left_after_apply_are_a_failure(lab: RecordingLab) -> None:
    lab.answers["plan --detailed-exitcode --format json"] = (2, '{"summary": {"hosts_changed": 1}}')
    steps = run()
    assert steps[4]["step"] == "replan"
    assert steps[4]["result"] == "fail"
    assert steps[4]["detail"] == "changes are left after apply: 1 host changed"


def test_a_command_that_never_ends_is_a_failure(lab: RecordingLab) -> None:
    lab.answers["validate --format json"] = (-1, "")
    assert run()[1]["detail"] == "not done after 600 s, ended"
    assert lab.downs == 1


def test_an_interrupted_run_goes_down(lab: RecordingLab) -> None:
    lab.answers["plan --brief --format json"] = (130, "")
    with pytest.raises(KeyboardInterrupt):
        run()
    assert lab.downs == 1


def test_keep_leaves_the_lab(lab: RecordingLab) -> None:
    assert [step["step"] for step in run(keep=True)] == ALL[:-1]
    assert lab.downs == 0


def test_a_lab_that_is_there_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CemopsError("a lab runs there already")

    monkeypatch.setattr(Lab, "up", refuse)
    steps = run()
    assert [(step["step"], step["result"], step["detail"]) for step in steps] == [
        ("up", "fail", "a lab runs there already")
    ]


@pytest.mark.parametrize("output", ["", "[]", '{"summary": 3}', "{}"])
def test_output_without_a_summary_gives_the_exit_code(lab: RecordingLab, output: str) -> None:
    lab.answers["plan --brief --format json"] = (0, output)
    assert run()[2]["detail"] == "exit code 0"


def test_the_command_prints_json_alone_on_stdout_and_fails_with_a_failed_step(lab: RecordingLab) -> None:
    lab.answers["probe --format json"] = (1, '{"summary": {"fail": 1}}')
    app = Typer()
    register(app)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["lab", "run", "--format", "json", "--dir", "/srv/lab"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["schema"] == 1
    assert [step["step"] for step in document["steps"]] == ALL
    assert "== probe" in result.stderr


def test_no_color_holds_for_the_commands_of_the_steps_too(lab: RecordingLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.delenv("NO_COLOR")
    app = Typer()
    register(app)
    app.command("other")(lambda: None)
    arguments = ["lab", "run", "--format", "json", "--dir", "/srv/lab"]
    assert "\x1b[" in CliRunner().invoke(app, arguments, color=True).stderr
    assert "\x1b[" not in CliRunner().invoke(app, [*arguments, "--no-color"], color=True).stderr
    assert os.environ["NO_COLOR"] == "1"
    assert lab.downs == 2
