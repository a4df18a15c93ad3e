"""Bad input from Windows machines: each host fails alone, in a sentence with its repair, and is whole after a repair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.functional.windows.unfit_machines import ODD, OTHER_PASSWORD, PFX_PASSWORD, UNFIT, Unfit
from tests.functional.windows.windows_site import CEM_PORT, PASSWORD, WindowsSite

pytestmark = pytest.mark.slow

EVERY = {one.name: one for one in (*UNFIT, *ODD)}
MANAGED = [one.name for one in ODD]


@dataclass
class Day:
    """One estate of unfit machines: what a plan and an apply said, then, mended, what the next apply did."""

    site: WindowsSite
    planned: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=dict)
    served: dict[str, str | None] = field(default_factory=dict)
    mended: dict[str, Any] = field(default_factory=dict)

    def run(self, title: str, *words: str) -> str:
        done = self.site.cemops(*words)
        self.codes[title], self.texts[title] = done.returncode, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with WindowsSite(tmp_path_factory.mktemp("unfit") / "site") as site:
        site.declare_notification_server()
        for one in EVERY.values():
            site.add_site_server(one.name)
            one.spoil(site, one.name)
        site.start()
        site.stop("down")
        made = Day(site)
        hosts = json.loads(made.run("plan", "plan", "--format", "json"))["hosts"]
        made.planned = {host["host"]: host for host in hosts}
        made.counts = {name: site.counts(name) for name in EVERY}
        made.run("apply", "apply", "--yes")
        made.calls = {name: site.calls(name) for name in EVERY}
        made.served = {name: site.presented(name, CEM_PORT) for name in EVERY}
        for one in EVERY.values():
            one.mend(site, one.name)
        site.start()
        made.run("mended", "apply", "--yes")
        made.mended = site.plan()
        yield made


@pytest.fixture(params=[one.name for one in UNFIT])
def unfit(request: pytest.FixtureRequest) -> Unfit:
    return EVERY[request.param]


def test_a_plan_says_of_each_host_what_is_wrong_and_what_mends_it(day: Day, unfit: Unfit) -> None:
    host = day.planned[unfit.name]
    assert host["status"] == unfit.status
    assert [text for text in unfit.says if text not in host["error"]] == [], host["error"]
    assert "\n" not in host["error"]
    assert "Traceback" not in day.texts["plan"] + day.texts["apply"]


def test_nothing_is_changed_on_a_host_that_is_unfit_and_all_others_are_managed(day: Day, unfit: Unfit) -> None:
    assert (day.codes["plan"], day.codes["apply"]) == (1, 1)
    assert day.calls[unfit.name] == []
    assert [name for name in MANAGED if day.served[name] is None] == []


def test_a_host_that_was_mended_is_as_declared_after_the_next_apply(day: Day, unfit: Unfit) -> None:
    assert day.codes["mended"] == 0, day.texts["mended"]
    assert day.mended[unfit.name]["status"] == "in-sync"
    assert day.site.presented(unfit.name, CEM_PORT) is not None


@pytest.mark.parametrize("name", MANAGED)
def test_what_is_right_already_is_not_touched_by_the_next_apply(day: Day, name: str) -> None:
    assert day.calls[name] != []
    assert day.site.calls(name) == day.calls[name]


def test_a_wrong_password_is_tried_once(day: Day) -> None:
    assert day.counts["wrong-password"]["failed_logons"] == 1
    assert day.counts["wrong-password"]["connections"] == 1


@pytest.mark.parametrize("name", ["unknown-ca", "another-certificate"])
def test_an_endpoint_that_is_somebody_else_is_sent_nothing(day: Day, name: str) -> None:
    assert (day.counts[name]["requests"], day.counts[name]["failed_logons"]) == (0, 0)


def test_a_clock_that_is_off_is_a_warning_that_names_it(day: Day) -> None:
    (warning,) = [one for one in day.planned["late"]["warnings"] if one["code"] == "clock-differs"]
    assert "10 minutes" in warning["message"]


def test_answers_in_dribbles_are_read_whole(day: Day) -> None:
    assert day.counts["dribbles"]["actions"]["Receive"] > day.counts["good"]["actions"]["Receive"]
    assert day.mended["dribbles"]["status"] == "in-sync"


def test_no_password_is_in_what_was_said(day: Day) -> None:
    said = "".join(day.texts.values())
    assert [one for one in (PASSWORD, PFX_PASSWORD, OTHER_PASSWORD) if one in said] == []
