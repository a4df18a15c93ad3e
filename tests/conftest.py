"""What a run of the tests says about itself."""

from __future__ import annotations

import os

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which half of the payload's cases did not run: a stand-in's word is not PowerShell's."""
    if not os.environ.get("PWSH"):
        terminalreporter.write_line(
            "The payload's cases ran on the stand-in only, not on a PowerShell: PWSH=/path/to/pwsh make payload"
        )
