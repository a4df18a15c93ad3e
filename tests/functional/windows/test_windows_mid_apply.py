"""What changes while an apply runs: a host dies, a site vanishes; the other hosts are changed all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cemops.lab.windows.iis_model import Iis
from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.wsman_behaviour import Behaviour
from tests.functional.published_schema import fitting
from tests.functional.windows.windows_site import CEM_PORT, WindowsSite

pytestmark = pytest.mark.slow

SECONDS = 30.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WindowsSite]:
    with WindowsSite(tmp_path / "site") as made:
        made.declare_notification_server()
        yield made


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def change(site: WindowsSite, name: str, how: Callable[[Machine], None]) -> None:
    machine = load_machine(site.machines[name].folder)
    how(machine)
    save_machine(machine)


def without_sites(machine: Machine) -> None:
    machine.iis = Iis.with_sites()


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


def begin(site: WindowsSite, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cemops", *words],
        cwd=site.folder,
        env={**os.environ, "CEMOPS_ESTATE": str(site.folder / "estate.yaml")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def commands(site: WindowsSite, name: str) -> int:
    found: dict[str, Any] = site.counts(name)["actions"]
    return int(found.get("Command", 0))


def test_a_host_that_dies_while_it_is_changed_is_named_and_the_next_one_is_changed(site: WindowsSite) -> None:
    for name in ("dying", "fine"):
        site.add_site_server(name)
    site.start()
    site.faults("dying", dies=["Add-SslCert"])

    done = site.apply()

    assert done.returncode == 1
    assert "1 changed, 1 failed" in said(done)
    assert "dying" in done.stderr
    assert "whether the command was carried out is not known: plan again" in said(done)
    assert site.presented("fine", CEM_PORT) is not None
    fine = site.calls("fine")
    site.faults("dying")
    site.start()
    assert site.apply().returncode == 0
    assert site.presented("dying", CEM_PORT) is not None
    assert site.calls("fine") == fine


def test_a_site_that_vanished_since_the_plan_is_named_and_nothing_is_changed(site: WindowsSite) -> None:
    site.add_site_server("ps1")
    site.start()
    assert site.plan()["ps1"]["status"] == "changes"
    born = load_machine(site.machines["ps1"].folder).iis
    change(site, "ps1", without_sites)

    done = site.apply()

    assert done.returncode == 1
    assert "there is no site Default Web Site in IIS of ps1" in said(done)
    assert site.calls("ps1") == []
    change(site, "ps1", lambda machine: setattr(machine, "iis", born))
    assert site.apply().returncode == 0
    assert site.presented("ps1", CEM_PORT) is not None


def test_a_site_that_vanishes_under_the_apply_fails_the_action_that_needs_it(site: WindowsSite) -> None:
    site.add_site_server("ps1")
    site.endpoint("ps1", behaviour=Behaviour(command_delay_seconds=1.0))
    site.start()
    born = load_machine(site.machines["ps1"].folder).iis
    running = begin(site, "apply", "--yes", "--format", "json")
    until(lambda: commands(site, "ps1") == 3)  # observed, locked and observed; now it is changed
    change(site, "ps1", without_sites)

    stdout, stderr = running.communicate(timeout=SECONDS)

    assert running.returncode == 1, stdout + stderr
    (applied,) = fitting("apply", stdout)["applied"]
    assert applied["host"] == "ps1"
    assert "there is no site 'Default Web Site'" in applied["error"]
    assert "iis.binding_add (" in applied["error"]
    change(site, "ps1", lambda machine: setattr(machine, "iis", born))
    done = site.apply()
    assert done.returncode == 0, said(done)
    assert site.presented("ps1", CEM_PORT) is not None
    assert site.plan()["ps1"]["status"] == "in-sync"


def test_a_host_that_lost_its_power_before_its_turn_ends_nothing_but_its_own_change(site: WindowsSite) -> None:
    for name in ("slow", "victim", "fine"):
        site.add_site_server(name)
    site.endpoint("slow", behaviour=Behaviour(command_delay_seconds=1.0))
    site.start()
    running = begin(site, "apply", "--yes")
    until(lambda: commands(site, "slow") == 2)
    process = site.machines["victim"].process
    assert process is not None
    process.kill()

    stdout, stderr = running.communicate(timeout=2 * SECONDS)

    assert running.returncode == 1, stdout + stderr
    assert "victim" in stderr
    assert "2 changed, 1 failed" in stdout, stdout + stderr
    assert None not in {site.presented("slow", CEM_PORT), site.presented("fine", CEM_PORT)}
    site.start()
    done = site.apply()
    assert done.returncode == 0, said(done)
    assert site.presented("victim", CEM_PORT) is not None
