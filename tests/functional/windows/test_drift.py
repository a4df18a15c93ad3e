"""Drift against intention, on real stand-ins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.published_schema import fitting
from tests.functional.windows.windows_site import CEM_PORT, HTTPS_PORT, ISSUED, WindowsSite

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WindowsSite]:
    with WindowsSite(tmp_path / "site") as made:
        made.declare_notification_server()
        made.add_site_server()
        yield made.start()


def drift(site: WindowsSite) -> dict[str, str]:
    """What drifted, by the name of the change."""
    done = site.cemops("drift", "--format", "json")
    (host,) = fitting("plan", done.stdout)["hosts"]
    return {change["name"]: change["intent"] for change in host["changes"]}


def declare_https(site: WindowsSite) -> None:
    web = site.estate["site_servers"][0]["overrides"]["web"]
    web["https"] = {"port": HTTPS_PORT, "install_certificate": True, "certificate": dict(ISSUED)}
    site.write()


def damage(site: WindowsSite) -> None:
    """Remove the CEM binding behind everybody's back, as a hand in IIS would."""
    file = site.machines["ps1"].folder / "machine.json"
    site.stop("ps1")
    text = file.read_text("utf-8")
    assert f"*:{CEM_PORT}:" in text
    file.write_text(text.replace(f"*:{CEM_PORT}:", "*:81:").replace('"https"', '"http"'), "utf-8")
    site.start()


def test_a_hand_on_the_host_is_drift_and_a_change_of_the_estate_is_not(site: WindowsSite) -> None:
    never = site.cemops("drift")
    assert (never.returncode, never.stdout) == (1, "")
    assert "drift cannot be told: no apply of these hosts is known here" in never.stderr
    assert {change["intent"] for change in site.plan()["ps1"]["changes"]} == {"intended"}

    applied = site.apply("--format", "json")
    assert applied.returncode == 0
    assert fitting("apply", applied.stdout)["halted"] is None
    assert site.cemops("drift", "--detailed-exitcode").returncode == 0

    declare_https(site)
    assert drift(site) == {}
    assert {change["intent"] for change in site.plan()["ps1"]["changes"]} == {"intended"}

    damage(site)
    assert "corrective" in drift(site).values()
    found = site.cemops("drift", "--detailed-exitcode", "--format", "markdown", "--metrics", "drift.prom")
    assert found.returncode == 2
    assert found.stdout.startswith("<!-- cemops drift -->\n\n## cemops drift: `windows-test`\n")
    assert "Drift: 1 of 1 host drifted" in found.stdout
    samples = (site.folder / "drift.prom").read_text("utf-8")
    assert 'cemops_drift_hosts{estate="windows-test",status="changes"} 1\n' in samples
    assert "cemops_plan" not in samples
    assert {change["intent"] for change in site.plan()["ps1"]["changes"]} == {"intended", "corrective"}


def test_runners_that_share_a_store_share_what_was_applied(site: WindowsSite) -> None:
    site.estate["change"] = {"store": "env:SHARED"}
    site.write()
    shared = {"SHARED": "sqlite:///shared.db"}
    assert site.cemops("apply", "--yes", environ=shared).returncode == 0
    shutil.rmtree(site.folder / ".cemops", ignore_errors=True)  # another runner
    assert site.cemops("drift", "--detailed-exitcode", environ=shared).returncode == 0
    damage(site)
    assert site.cemops("drift", "--detailed-exitcode", environ=shared).returncode == 2

    lost = {"SHARED": "postgresql://cemops@127.0.0.1:1/none"}
    refused = site.cemops("drift", "--detailed-exitcode", environ=lost)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "cannot be reached" in refused.stderr
    planned = site.cemops("plan", "--format", "json", "--detailed-exitcode", environ=lost)
    assert planned.returncode == 2
    (host,) = fitting("plan", planned.stdout)["hosts"]
    assert {change["intent"] for change in host["changes"]} == {None}
    assert "intent-unknown" in [one["code"] for one in host["warnings"]]
