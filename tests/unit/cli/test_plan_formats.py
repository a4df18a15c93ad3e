"""`cemops plan` for pipelines, from a record of observations: a comment, metrics, and the exit code as ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from cemops.execution.observation_record import record_document
from cemops.model.estate import Estate
from tests.unit.sample_estate import sample_data

NOW = "2026-11-22T12:00:00+00:00"
LINES = Path("tests/cases/gateway-state/fresh.txt").read_text("utf-8").splitlines()


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """An estate whose gateways were recorded before anything was applied to them."""
    (tmp_path / "estate.yaml").write_text(yaml.safe_dump(sample_data()), "utf-8")
    estate = Estate.model_validate(sample_data())
    record = record_document(estate, datetime.fromisoformat(NOW).astimezone(UTC), {"gw1": LINES, "gw2": LINES}, {})
    (tmp_path / "record.json").write_text(json.dumps(record), "utf-8")
    return ["--estate", str(tmp_path / "estate.yaml"), "--observed", str(tmp_path / "record.json"), "--now", NOW]


def plan(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cemops", "plan", *arguments],
        env={**os.environ, "PKI_PASSPHRASE": "hunter2-canary"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_comment_alone_is_on_stdout_and_metrics_are_in_their_file(arguments: list[str], tmp_path: Path) -> None:
    metrics = tmp_path / "cemops.prom"
    done = plan(*arguments, "--format", "markdown", "--metrics", str(metrics), "--detailed-exitcode")
    assert done.stdout.startswith("<!-- cemops plan -->\n\n## cemops plan: `northwind`\n"), done.stderr
    text = metrics.read_text("utf-8")
    assert 'cemops_plan_timestamp_seconds{estate="northwind"} 1795348800\n' in text
    assert ("### `gw1`: changes" in done.stdout) is (
        'cemops_plan_hosts{estate="northwind",status="changes"} 2\n' in text
    )
    assert done.returncode == plan(*arguments, "--detailed-exitcode").returncode
    assert "hunter2-canary" not in done.stdout + done.stderr + text


def test_a_plan_is_shown_though_its_metrics_cannot_be_written(arguments: list[str], tmp_path: Path) -> None:
    done = plan(*arguments, "--format", "json", "--metrics", str(tmp_path / "absent" / "x.prom"))
    assert done.returncode == 1
    assert json.loads(done.stdout)["schema"] == 1
    assert "absent/x.prom cannot be written" in done.stderr
