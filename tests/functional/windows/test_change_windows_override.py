"""Change windows on real stand-ins: refused outside, let through with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.windows.windows_site import CEM_PORT, WindowsSite

pytestmark = pytest.mark.slow

SUNDAY_NIGHT = {"name": "sunday-night", "days": ["sun"], "start": "22:00", "duration_minutes": 240, "timezone": "UTC"}
MONDAY_NOON = "2026-11-23T12:00:00Z"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WindowsSite]:
    with WindowsSite(tmp_path / "site") as made:
        made.declare_notification_server()
        made.add_site_server()
        made.estate["change_windows"] = [SUNDAY_NIGHT]
        yield made.start()


def test_apply_outside_the_windows_is_refused_names_the_next_and_passes_with_a_reason(site: WindowsSite) -> None:
    refused = site.apply("--now", MONDAY_NOON)
    assert refused.returncode == 3
    assert "sunday-night, opens on Sunday 2026-11-29 22:00" in refused.stderr
    assert site.presented("ps1", CEM_PORT) is None

    assert site.apply("--now", MONDAY_NOON, "--override-window", " ").returncode == 64
    applied = site.apply("--now", MONDAY_NOON, "--override-window", "CHG-4711, agreed by phone")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert site.presented("ps1", CEM_PORT) is not None
