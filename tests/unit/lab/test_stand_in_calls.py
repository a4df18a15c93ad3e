"""What a stand-in remembers of the changes that were asked of it, and when its dead men act."""

from __future__ import annotations

import base64
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cemops.lab.windows.birth import Newborn, site_server
from cemops.lab.windows.call_log import CALLS_FILE, read_calls
from cemops.lab.windows.command_line import CommandLine
from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.stand_in import StandIn
from cemops.payload.assembly import BOOTSTRAP_COMMAND, dead_man_script, framed, reply_of

ACCOUNT_PASSWORD = "an account's password"
FOLDER = {"id": "0", "op": "folder.ensure", "path": "C:\\made", "private": False}


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    save_machine(site_server(Newborn(tmp_path, "ps1", "ps1.corp.example", "127.0.0.9", {})))
    running = StandIn.load(tmp_path)
    running.start()
    yield running
    running.stop()


def apply(stand_in: StandIn, *actions: dict[str, Any]) -> list[str]:
    request = {"verb": "apply", "actions": list(actions)}
    data = reply_of(stand_in.run(CommandLine(BOOTSTRAP_COMMAND, skips_cmd=True), framed(request)).stdout)
    return [one["state"] for one in data["actions"]]


def test_every_change_that_was_asked_for_is_a_line_and_what_is_right_already_is_none(
    stand_in: StandIn, tmp_path: Path
) -> None:
    assert read_calls(tmp_path) == []
    account = {"id": "1", "op": "account.set", "account": "acc", "password": ACCOUNT_PASSWORD, "unlock": False}
    assert apply(stand_in, FOLDER, account) == ["done", "done"]
    assert apply(stand_in, FOLDER, account) == ["done", "done"]
    assert read_calls(tmp_path) == ["Add-Folder C:\\made False", "Add-Account acc ***"]
    assert stat.S_IMODE((tmp_path / CALLS_FILE).stat().st_mode) == 0o600


def test_a_clock_that_is_set_forward_makes_a_dead_man_act(stand_in: StandIn, tmp_path: Path) -> None:
    acted = threading.Event()

    def follow() -> None:
        if stand_in.machine.dead_men[0].fired:
            acted.set()

    script = base64.b64encode(dead_man_script([FOLDER]).encode()).decode()
    arming = {"id": "1", "op": "deadman.arm", "token": "t", "seconds": 300, "script": script}
    assert apply(stand_in, arming) == ["done"]
    stand_in.on_change = follow
    machine = load_machine(tmp_path)
    machine.clock_offset_ms = 301_000
    save_machine(machine)

    stand_in.refresh()

    assert acted.wait(20)
    assert read_calls(tmp_path)[-1] == "Add-Folder C:\\made False"
    assert load_machine(tmp_path).dead_men[0].fired


def test_no_command_is_answered_before_what_changed_is_served_whoever_serves_it(
    stand_in: StandIn, tmp_path: Path
) -> None:
    telling, served = threading.Event(), threading.Event()
    seen: list[bool] = []

    def follow() -> None:
        telling.set()
        served.wait(60)

    def command() -> None:
        apply(stand_in, FOLDER)
        seen.append(served.is_set())

    save_machine(load_machine(tmp_path))  # by hand
    stand_in.on_change = follow
    threads = [threading.Thread(target=stand_in.refresh), threading.Thread(target=command)]
    threads[0].start()
    assert telling.wait(60)
    stand_in.on_change = lambda: None
    threads[1].start()
    threads[1].join(0.3)
    served.set()
    for thread in threads:
        thread.join(60)
    assert seen == [True]
