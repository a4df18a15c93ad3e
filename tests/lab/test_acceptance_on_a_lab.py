"""The acceptance tests run against a lab: everything but what only Windows itself can answer.

A stand-in knows the payload and nothing else. What the acceptance tests ask of PowerShell, netsh and appcmd is refused
by it in so many words, after a logon through the very connection that real machines are asked through.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from cemops.lab.estate_lab import Lab

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
REFUSAL = "is not known to this stand-in for a Windows machine"
ASKED_ON_WINDOWS = "test_accepted_windows"
FROM_HERE = {"test_accepted_estate", "test_accepted_probe", "test_accepted_gateways", "test_accepted_endpoints"}


def acceptance(report: Path, estate: str | None) -> subprocess.CompletedProcess[str]:
    """Run the acceptance tests in a process of their own, as ``make acceptance`` does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["CEMOPS_ACCEPTANCE_ESTATE"] = estate or ""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/acceptance", f"--junitxml={report}"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def module_of(case: Element) -> str:
    return case.attrib["classname"].rpartition(".")[2]


def test_what_can_be_seen_without_windows_holds_and_a_stand_in_refuses_the_rest(
    applied_lab: Lab, tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    done = acceptance(report, str(applied_lab.estate_file))
    cases = list(ElementTree.parse(report).iter("testcase"))
    passed = {module_of(case) for case in cases if not len(case)}
    others = [(module_of(case), case[0].attrib["message"]) for case in cases if len(case)]
    assert passed == FROM_HERE, done.stdout
    assert {module for module, _ in others} == {ASKED_ON_WINDOWS}, done.stdout
    assert [message for _, message in others if REFUSAL not in message] == []


def test_without_an_estate_there_is_an_error_and_not_a_pass(tmp_path: Path) -> None:
    done = acceptance(tmp_path / "report.xml", None)
    assert done.returncode not in (0, 5)
    assert "CEMOPS_ACCEPTANCE_ESTATE" in done.stdout + done.stderr
