"""Drift against intention, on real stand-ins."""

from __future__ import annotations

import json
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


def drift(site: WindowsSite) -> dict[str, str]:
    """What drifted, by the name of the change."""
    done = site.cemops("drift", "--format", "json")
    (host,) = json.loads(done.stdout)["hosts"]
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


def test_what_was_never_applied_is_no_drift_and_the_plan_calls_it_intended(site: WindowsSite) -> None:
    shown = site.cemops("drift", "--detailed-exitcode")
    assert shown.returncode == 0
    assert "no-baseline" in shown.stdout
    assert {change["intent"] for change in site.plan()["ps1"]["changes"]} == {"intended"}


def test_a_hand_on_the_host_is_drift_and_a_change_of_the_estate_is_not(site: WindowsSite) -> None:
    assert site.apply().returncode == 0
    assert site.cemops("drift", "--detailed-exitcode").returncode == 0

    declare_https(site)
    assert drift(site) == {}
    assert {change["intent"] for change in site.plan()["ps1"]["changes"]} == {"intended"}

    damage(site)
    assert "corrective" in drift(site).values()
    assert site.cemops("drift", "--detailed-exitcode").returncode == 2
    assert {change["intent"] for change in site.plan()["ps1"]["changes"]} == {"intended", "corrective"}
