"""The whole way: what `make lab` shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cemops.lab.estate_lab import lab_environment

if TYPE_CHECKING:
    from cemops.lab.estate_lab import Lab

pytestmark = pytest.mark.slow


def cemops(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cemops", *arguments],
        env=lab_environment(Path("/nowhere")),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_run_proves_the_gateways_and_leaves_nothing(lab_folder: Path) -> None:
    done = cemops("lab", "run", "--format", "json", "--dir", str(lab_folder))
    steps = json.loads(done.stdout)["steps"]
    assert [(step["step"], step["result"]) for step in steps] == [
        (name, "pass") for name in ("up", "validate", "plan", "apply", "replan", "probe", "down")
    ], done.stdout + done.stderr
    assert done.returncode == 0
    assert not lab_folder.exists()


def test_the_estate_of_a_lab_has_no_findings(shared_lab: Lab) -> None:
    done = shared_lab.cemops("validate", "--strict", "--format", "json")
    assert json.loads(done.stdout)["findings"] == []
    assert done.returncode == 0


def test_up_status_and_down_are_separate_commands(lab_folder: Path) -> None:
    place = ("--dir", str(lab_folder))
    up = cemops("lab", "up", *place)
    assert up.returncode == 0, up.stderr
    assert f"use it: . {lab_folder}/env" in up.stdout
    assert cemops("lab", "up", *place).returncode == 3
    status = cemops("lab", "status", "--format", "json", *place)
    assert json.loads(status.stdout)["state"] == "running"
    assert cemops("lab", "down", *place).returncode == 0
    assert json.loads(cemops("lab", "status", "--format", "json", *place).stdout)["state"] == "none"
    assert not lab_folder.exists()
