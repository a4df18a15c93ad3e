"""The payload's cases on a real PowerShell, where ``PWSH`` names one (tests/conftest.py says where none is named)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUNNER = Path(__file__).parents[2] / "payload/run.py"

if os.environ.get("PWSH"):

    def test_every_case_holds_on_powershell() -> None:
        done = subprocess.run([sys.executable, RUNNER], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
else:

    def test_the_runner_asks_for_a_powershell() -> None:
        done = subprocess.run([sys.executable, RUNNER], capture_output=True, text=True, check=False)
        assert done.returncode == 64
        assert "PWSH=/path/to/pwsh make payload" in done.stderr
