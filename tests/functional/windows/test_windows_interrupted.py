"""Cut off at every point: the machine loses its power at each call, the operator's command is killed.

The old or the new certificate serves meanwhile, what waits is undone by the machine itself, and the next apply converges.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cemops.lab.windows.http_sys import ssl_certs
from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.wsman_behaviour import Behaviour
from tests.functional.windows.windows_site import CEM_PORT, HTTPS_PORT, ISSUED, WindowsSite, serving, thumbprint_of

pytestmark = pytest.mark.slow

CALLS = (
    "Add-Lock",
    "Register-DeadMan",
    "Import-Pfx",
    "Import-Pfx",
    "Add-Certificate",
    "Add-SslCert",
    "Add-Binding",
    "Remove-SslCert",
    "Add-SslCert",
    "Set-RegistryValue",
    "Unregister-DeadMan",
    "Remove-Lock",
)
"""What the apply of this module's machine asks for: an HTTPS binding is made, the CEM binding's certificate replaced."""
BETWEEN = 8
"""The call before which the old entry is gone and the new one is not there."""
SECONDS = 30.0
DEAD_MAN_SECONDS = 300


@dataclass
class Bench:
    """One site server, as it was born and as a clean apply leaves it."""

    site: WindowsSite
    old: str
    born: str = ""
    lines: list[str] = field(default_factory=list)
    done: Any = None

    @property
    def machine(self) -> Machine:
        return load_machine(self.site.machines["ps1"].folder)

    def looks(self) -> Any:
        """What matters of the machine: sites, entries, stores, dead men."""
        machine = self.machine
        assert machine.iis is not None
        stores = {name: sorted(one.thumbprint for one in held) for name, held in machine.certificates.stores.items()}
        return machine.iis.sites(), sorted(map(repr, ssl_certs(machine.registry))), stores, machine.dead_men

    def reborn(self) -> None:
        """Make the machine what it was at first; it takes that over with its next command."""
        self.site.faults("ps1")
        (self.site.machines["ps1"].folder / "machine.json").write_text(self.born, "utf-8")
        self.site.start()

    def shown(self) -> str | None:
        """The certificate of the CEM port: old, new, or None."""
        found = self.site.presented("ps1", CEM_PORT)
        return "old" if found == self.old else None if found is None else "new"

    def clock_forward(self, seconds: int) -> None:
        machine = self.machine
        machine.clock_offset_ms += seconds * 1000
        save_machine(machine)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds, for SECONDS at most."""
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def killed_before_the_confirmation(self) -> None:
        """Apply to the machine as it was born, and kill the command when all is changed and nothing confirmed yet."""
        self.site.stop("ps1")
        self.site.endpoint("ps1", behaviour=Behaviour(command_delay_seconds=1.0))
        self.reborn()
        before = len(self.site.calls("ps1"))
        command = subprocess.Popen(
            [sys.executable, "-m", "cemops", "apply", "--yes", "--accept-lockout", "1"],
            cwd=self.site.folder,
            env={**os.environ, "CEMOPS_ESTATE": str(self.site.folder / "estate.yaml")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.until(lambda: len(self.site.calls("ps1")) - before == CALLS.index("Unregister-DeadMan"))
        command.send_signal(signal.SIGKILL)
        assert command.wait(SECONDS) == -signal.SIGKILL
        assert self.site.cemops("unlock", "--yes").returncode == 0
        self.until(lambda: self.shown() == "new")
        self.site.stop("ps1")
        self.site.endpoint("ps1")
        self.site.start()
        assert [one.fired for one in self.machine.dead_men] == [False]

    def apply(self) -> tuple[int, str]:
        """Apply, with the same words each time: agreeing that one line of clients is cut off."""
        done = self.site.apply("--accept-lockout", "1")
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with WindowsSite(tmp_path_factory.mktemp("interrupted") / "site") as site:
        old = site.old_certificate("ps1.corp.test.example")

        site.declare_notification_server()
        site.add_site_server(
            making=serving(old),
            https={"port": HTTPS_PORT, "install_certificate": True, "certificate": dict(ISSUED)},
            cem={"port": CEM_PORT, "install_certificate": True, "force_overwrite": True, "certificate": dict(ISSUED)},
        )
        site.start()
        made = Bench(site, thumbprint_of(old))
        made.born = (site.machines["ps1"].folder / "machine.json").read_text("utf-8")
        code, text = made.apply()
        assert code == 0, text
        made.lines, made.done = site.calls("ps1"), made.looks()
        yield made


def call(bench: Bench, number: int) -> str:
    """The start of a call's line that is the same in every run, and of no other call: dead men's names are random."""
    line = bench.lines[number]
    random = ("Register", "Unregister", "Set-Registry", "Add-Lock", "Remove-Lock")
    return line.partition(" ")[0] if line.startswith(random) else line


def test_a_clean_apply_asks_for_these_calls(bench: Bench) -> None:
    assert tuple(line.partition(" ")[0] for line in bench.lines) == CALLS, bench.lines


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{n}-{name}" for n, name in enumerate(CALLS)])
def test_a_machine_that_dies_before_a_call_serves_on_and_the_next_apply_converges(bench: Bench, number: int) -> None:
    bench.reborn()
    bench.site.faults("ps1", dies=[call(bench, number)])

    code, text = bench.apply()

    assert code == 1, text
    assert "ps1" in text
    bench.site.faults("ps1")
    bench.site.start()
    expected = {"old"} if number < BETWEEN else {None} if number == BETWEEN else {"new"}
    assert bench.shown() in expected
    code, text = bench.apply()
    assert code == 0, text
    assert bench.shown() == "new"
    assert bench.looks() == bench.done


def test_what_a_machine_lost_with_its_power_is_put_back_by_itself(bench: Bench) -> None:
    bench.reborn()
    bench.site.faults("ps1", dies=[call(bench, BETWEEN)])
    assert bench.apply()[0] == 1
    bench.site.faults("ps1")
    bench.clock_forward(DEAD_MAN_SECONDS + 1)

    bench.site.start()

    bench.until(lambda: bench.shown() == "old")
    code, text = bench.apply()
    assert (code, bench.shown()) == (0, "new"), text
    assert bench.looks() == bench.done


def test_a_killed_commands_change_is_undone_by_the_machine_when_its_time_has_come(bench: Bench) -> None:
    bench.killed_before_the_confirmation()

    bench.clock_forward(DEAD_MAN_SECONDS + 1)

    bench.until(lambda: bench.shown() == "old")
    code, text = bench.apply()
    assert "is cleared away" in text
    assert (code, bench.shown()) == (0, "new"), text
    assert bench.looks() == bench.done


def test_a_killed_commands_change_is_named_by_the_plan_and_confirmed_by_the_next_apply(bench: Bench) -> None:
    bench.killed_before_the_confirmation()
    planned = bench.site.plan()["ps1"]
    assert [warning["code"] for change in planned["changes"] for warning in change["warnings"]] == ["pending-switch"]
    before = len(bench.site.calls("ps1"))

    code, text = bench.apply()

    assert code == 0, text
    assert "the unconfirmed change was confirmed" in text
    taken_over = ["Remove-Lock", "Add-Lock"]
    assert [line.partition(" ")[0] for line in bench.site.calls("ps1")[before:]] == [
        *taken_over,
        "Unregister-DeadMan",
        "Remove-Lock",
    ]
    assert bench.looks() == bench.done


def test_a_killed_commands_change_that_is_not_right_is_undone_before_it_is_made_again(bench: Bench) -> None:
    bench.killed_before_the_confirmation()
    machine = bench.machine
    assert machine.iis is not None
    (site,) = machine.iis.sites()
    machine.iis.change(replace(site, bindings=site.bindings[:-1]))
    save_machine(machine)

    refused = bench.site.apply()
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "the unconfirmed change was undone" in refused.stderr
    assert bench.shown() == "old"

    code, text = bench.apply()
    assert (code, bench.shown()) == (0, "new"), text
    assert bench.looks() == bench.done
