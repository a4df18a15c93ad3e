"""Saved plans, from `plan --out` to `apply FILE`, on real stand-ins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.windows.windows_site import CEM_PORT, HTTPS_PORT, ISSUED, WindowsSite

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WindowsSite]:
    with WindowsSite(tmp_path / "site") as made:
        made.declare_notification_server()
        made.add_site_server()
        yield made.start()


def saved(site: WindowsSite) -> Path:
    done = site.cemops("plan", "--out", "change.plan")
    assert done.returncode == 0, done.stderr
    return site.folder / "change.plan"


def test_a_saved_plan_is_applied_once_and_is_stale_after_that(site: WindowsSite) -> None:
    file = saved(site)
    document = json.loads(file.read_text("utf-8"))
    assert document["plan"]["hosts"][0]["host"] == "ps1"
    assert document["made_by"]["user"]

    applied = site.apply("change.plan")

    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert site.presented("ps1", CEM_PORT) is not None
    again = site.apply("change.plan")
    assert again.returncode == 3
    assert "was applied already" in again.stderr
    shutil.rmtree(site.folder / ".cemops")  # another runner, which knows nothing of it
    elsewhere = site.apply("change.plan")
    assert elsewhere.returncode == 3
    assert "nothing of it is left to do" in elsewhere.stderr


def test_what_the_plan_file_does_not_list_is_never_made(site: WindowsSite) -> None:
    saved(site)
    web = site.estate["site_servers"][0]["overrides"]["web"]
    web["https"] = {"port": HTTPS_PORT, "install_certificate": True, "certificate": dict(ISSUED)}
    site.write()

    refused = site.apply("change.plan")

    assert refused.returncode == 3
    assert "estate file has changed" in refused.stderr
    assert site.presented("ps1", CEM_PORT) is None


def test_a_plan_that_somebody_edited_cut_or_took_from_elsewhere_is_refused(site: WindowsSite) -> None:
    file = saved(site)
    whole = file.read_text("utf-8")
    for text, code in (
        (whole.replace('"action": "create"', '"action": "delete"', 1), 3),
        (whole.replace('"schema": 1', '"schema": 9', 1), 3),
        (whole[: len(whole) // 2], 1),
        ("", 1),
    ):
        file.write_text(text, "utf-8")
        refused = site.apply("change.plan")
        assert refused.returncode == code, refused.stderr
        assert "cemops plan --out" in refused.stderr
    assert site.presented("ps1", CEM_PORT) is None


def test_a_plan_of_another_time_or_estate_is_refused_and_a_limit_beside_a_plan_is_wrong_usage(
    site: WindowsSite,
) -> None:
    saved(site)

    back = site.apply("change.plan", "--now", "2020-01-01T00:00:00Z")
    assert back.returncode == 3
    assert "made in the future" in back.stderr

    old = site.apply("change.plan", "--now", "2030-01-01T00:00:00Z")
    assert old.returncode == 3
    assert "hours old" in old.stderr
    assert site.apply("change.plan", "--limit", "ps1").returncode == 64
    site.estate["estate"] = "another"
    site.write()
    elsewhere = site.apply("change.plan")
    assert elsewhere.returncode == 3
    assert "the plan is for the estate windows-test, not for another" in elsewhere.stderr
    assert site.presented("ps1", CEM_PORT) is None


def test_a_plan_whose_apply_failed_is_used_up(site: WindowsSite) -> None:
    saved(site)
    site.faults("ps1", refuses=["Add-SslCert"])
    assert site.apply("change.plan").returncode == 1
    site.faults("ps1")

    again = site.apply("change.plan")

    assert again.returncode == 3
    assert "applied already" in again.stderr
    assert saved(site).exists()
    assert site.apply("change.plan").returncode == 0
