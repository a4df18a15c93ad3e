"""A whole change on a lab, from the branch to the verified history, with everything in its way that can be."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cemops.lab.estate_lab import Lab
from tests.functional.transaction.bench import Said, operator_running
from tests.functional.transaction.faults import OPEN_PROXY

pytestmark = pytest.mark.slow

IN_THREE_DAYS = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
CLOSED = [{"name": "later", "days": [IN_THREE_DAYS], "start": "22:00", "duration_minutes": 60, "timezone": "UTC"}]


class Change:
    """A branch of the lab's estate, and the commands of an operator on it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.file = lab.folder / "estate.yaml"
        self.git("init", "-q")
        (lab.folder / ".gitignore").write_text("*\n!estate.yaml\n", "utf-8")
        self.commit("the estate as it is")

    def git(self, *words: str) -> None:
        identity = ("-c", "user.name=operator", "-c", "user.email=operator@lab.example")
        subprocess.run(["git", *identity, *words], cwd=self.lab.folder, check=True, capture_output=True)

    def commit(self, why: str) -> None:
        self.git("add", "-f", "estate.yaml")
        self.git("commit", "-q", "-m", why)

    def edit(self, **sections: Any) -> None:
        """Set sections of the estate; ``gateways`` is a mapping of fields for gw1 and gw2."""
        document = yaml.safe_load(self.file.read_text("utf-8"))
        for gateway in document["gateways"]:
            if gateway["name"] in {"gw1", "gw2"}:
                gateway.update(sections.get("gateways", {}))
        document.update({name: part for name, part in sections.items() if name != "gateways"})
        self.file.write_text(
            json.dumps(document, indent=1), "utf-8"
        )  # JSON is YAML, and quotes what looks like a number

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = self.lab.cemops(*words)
        assert done.returncode == code, done.stdout + done.stderr
        return done


def live(lab: Lab, gateway: str) -> Path:
    return lab.folder / "hosts" / gateway / "root" / "current" / "httpd.conf"


def test_a_change_is_planned_refused_stopped_resumed_applied_and_on_record(lab: Lab, tmp_path: Path) -> None:
    change = Change(lab)
    change.run("apply", "--yes")
    change.git("checkout", "-q", "-b", "tls-1.3")
    change.edit(gateways={"tls": ["1.3"]})
    change.commit("Offer TLS 1.3 alone")
    agreed = lab.folder / "change.plan"
    planned = ("plan", "--limit", "gw1,gw2", "--out", str(agreed))

    comment = change.run(*planned, "--format", "markdown").stdout
    assert "gw1" in comment
    assert "httpd.conf" in comment
    document = json.loads(agreed.read_text("utf-8"))
    assert document["git"]["dirty"] is False

    # Somebody edits a gateway by hand before the plan is applied.
    configuration = live(lab, "gw1")
    mode = configuration.stat().st_mode
    configuration.chmod(0o644)
    configuration.write_text(configuration.read_text("utf-8") + "# by hand\n", "utf-8")
    configuration.chmod(mode)
    moved = change.run("apply", "--yes", str(agreed), code=3)
    assert "httpd.conf is not as it was when the plan was made" in moved.stderr

    # The window is closed.
    change.edit(change_windows=CLOSED)
    change.run(*planned)
    closed = change.run("apply", "--yes", str(agreed), code=3)
    assert "later, opens on" in closed.stderr

    # A cemops whose template lets agents through to everywhere: the canary goes back, the other one is left alone.
    change.edit(change_windows=[])
    before = live(lab, "gw1").resolve(), live(lab, "gw2").resolve()
    with operator_running(tmp_path) as operator:

        def faulty(*words: str) -> Said:
            return operator.run(words, {"CEMOPS_ESTATE": str(lab.estate_file)}, {"live_host": OPEN_PROXY})

        assert faulty(*planned).code == 0
        failed = faulty("apply", "--yes", str(agreed), "--canary", "gw2")
    assert failed.code == 1, failed.everything
    assert "was reverted: health gate: gateway.deny.unlisted_host" in failed.err
    assert "left alone, because gw2 failed" in failed.err
    assert (live(lab, "gw1").resolve(), live(lab, "gw2").resolve()) == before

    # Mended: a new plan, applied as it was agreed to, once.
    change.run(*planned)
    applied = change.run("apply", "--yes", str(agreed), "--canary", "gw2")
    assert applied.stderr.index("gw2: stage the release") < applied.stderr.index("gw1: stage the release")
    change.run("plan", "--detailed-exitcode")
    change.run("drift", "--detailed-exitcode")
    change.run("apply", "--yes", str(agreed), code=3)
    change.run("history", "--verify")
