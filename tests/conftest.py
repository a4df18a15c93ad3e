"""What a run of the tests says about itself."""

from __future__ import annotations

import os

import pytest

LONGEST = (
    "test_canary.py",
    "test_transaction_killed.py",
    "test_lab_life.py",
    "test_scaffolded_repository.py",
    "test_transaction_cut.py",
    "test_gateway_restore.py",
    "test_transaction_shell_killed.py",
    "test_whole_change.py",
    "test_lab_run.py",
    "test_windows_gateway.py",
    "test_windows_interrupted.py",
    "test_transaction_preflight.py",
    "test_transaction_recorded.py",
    "test_transaction_drift.py",
    "test_operators_commands.py",
    "test_transaction_guards.py",
    "test_transaction_broken.py",
)
"""Files that take a worker half a minute and more, the longest first. Not complete: it matters for the end of a run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first: one that begins last keeps one worker busy while the others are done.

    Workers take whole files in this order (`--dist loadfile --no-loadscope-reorder`).
    """
    ranks = {name: rank for rank, name in enumerate(LONGEST)}

    def rank(item: pytest.Item) -> tuple[bool, int]:
        return item.get_closest_marker("slow") is None, ranks.get(item.path.name, len(ranks))

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which half of the payload's cases did not run: a stand-in's word is not PowerShell's."""
    if not os.environ.get("PWSH"):
        terminalreporter.write_line(
            "The payload's cases ran on the stand-in only, not on a PowerShell: PWSH=/path/to/pwsh make payload"
        )
