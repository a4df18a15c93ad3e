"""The lock on a Windows machine: another store's keeps out, what nobody is behind is taken over, unlock removes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.machine_model import DeadMan, HeldLock, Machine
from cemops.payload.assembly import dead_man_script
from tests.functional.windows.windows_site import CEM_PORT, WindowsSite

pytestmark = pytest.mark.slow

BOB = "bob on elsewhere (process 7)"
MINUTE = 60_000
SECONDS = 60


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WindowsSite]:
    with WindowsSite(tmp_path / "site") as made:
        made.declare_notification_server()
        made.add_site_server("ps1")
        yield made.start()


def machine_of(site: WindowsSite) -> Machine:
    return load_machine(site.machines["ps1"].folder)


def bob_locks(site: WindowsSite, *, until_ms: int = 10 * MINUTE, dead_man: bool = False) -> None:
    """Leave a lock, and maybe a change that waits for its confirmation, as an operator with another store would."""
    machine = machine_of(site)
    now = machine.time_ms()
    machine.lock = HeldLock("0" * 32, "f" * 32, BOB, now - MINUTE, now + until_ms)
    if dead_man:
        machine.dead_men.append(DeadMan("t", now + 60 * MINUTE, dead_man_script([]).encode()))
    save_machine(machine)


def names(lines: list[str]) -> list[str]:
    return [line.partition(" ")[0] for line in lines]


def test_another_stores_lock_keeps_out_until_it_is_removed_or_expires(site: WindowsSite) -> None:
    bob_locks(site)
    planned = site.plan()["ps1"]
    (warning,) = [one for one in planned["warnings"] if one["code"] == "locked"]
    assert (warning["message"].startswith(f"locked by {BOB} since "), planned["round_trips"]) == (True, 1)

    refused = site.apply()

    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert f"ps1: locked by {BOB} since" in refused.stderr
    assert site.calls("ps1") == []
    unlocked = site.cemops("unlock", "--host", "ps1", "--yes")
    assert (unlocked.returncode, unlocked.stdout) == (0, "ps1 is unlocked\n"), unlocked.stderr
    assert f"ps1 is locked by {BOB} since " in unlocked.stderr
    done = site.apply()
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.presented("ps1", CEM_PORT) is not None
    assert (names(site.calls("ps1"))[:2], names(site.calls("ps1"))[-1]) == (["Remove-Lock", "Add-Lock"], "Remove-Lock")
    assert machine_of(site).lock is None

    # What waits for its confirmation is whoever's who has locked the machine.
    bob_locks(site, dead_man=True)
    before = site.calls("ps1")
    refused = site.apply()
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert site.calls("ps1") == before
    bob_locks(site, until_ms=-1)
    done = site.apply()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ps1: the lock that {BOB} left there was taken over" in done.stderr
    assert names(site.calls("ps1")[len(before) :])[:2] == ["Remove-Lock", "Add-Lock"]
    assert (machine_of(site).lock, machine_of(site).dead_men) == (None, [])


def test_of_two_folders_at_once_one_changes_the_machine(site: WindowsSite, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    shutil.copytree(site.folder, desk, ignore=lambda _, found: {".cemops", "ps1"} & set(found))
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "cemops", "apply", "--yes"],
            cwd=folder,
            env={**os.environ, "CEMOPS_ESTATE": str(folder / "estate.yaml")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in (site.folder, desk)
    ]
    said = [one.communicate(timeout=SECONDS)[0] for one in running]
    codes = sorted(one.returncode for one in running)
    assert codes in ([0, 3], [0, 0]), said  # who came late found nothing left to do
    assert all("ps1: locked by " in text for one, text in zip(running, said, strict=True) if one.returncode == 3)
    calls = names(site.calls("ps1"))
    assert (calls.count("Add-Lock"), calls.count("Add-SslCert")) == (calls.count("Remove-Lock"), 1)
    assert site.presented("ps1", CEM_PORT) is not None
    assert machine_of(site).lock is None
