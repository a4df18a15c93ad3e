"""What must be true of an estate after an apply, seen with cemops itself."""

from __future__ import annotations

from tests.acceptance.accepted_estate import cemops


def test_the_next_plan_has_nothing_to_do() -> None:
    done = cemops("plan", "--detailed-exitcode")
    assert done.returncode == 0, done.stdout + done.stderr
