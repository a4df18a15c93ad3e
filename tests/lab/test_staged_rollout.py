"""Staged rollouts on a lab: canary first, the rest left alone where one fails, and the way on is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cemops.lab.estate_lab import Lab

pytestmark = pytest.mark.slow


def test_a_canary_that_fails_leaves_the_rest_alone_and_says_how_to_go_on(lab: Lab) -> None:
    root = lab.folder / "hosts" / "gw2" / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.write_text("a file where the gateway's folder has to be", "utf-8")

    stopped = lab.cemops("apply", "--yes", "--limit", "gw1,gw2", "--canary", "gw2", "--max-failures", "0")

    said = stopped.stdout + stopped.stderr
    assert stopped.returncode == 1, said
    assert "more than --max-failures 0" in stopped.stderr
    assert "cemops apply --limit gw2,gw1" in stopped.stderr
    plan = lab.cemops("plan", "--limit", "gw1", "--format", "json")
    assert json.loads(plan.stdout)["hosts"][0]["status"] == "changes"

    Path(root).unlink()
    resumed = lab.cemops("apply", "--yes", "--limit", "gw2,gw1")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert resumed.stderr.count("health gate of gw") == 2
    assert "fails behind the gateway" in resumed.stderr  # ps1 and ps2 are not applied yet
    assert lab.cemops("plan", "--limit", "gw2,gw1", "--detailed-exitcode").returncode == 0
