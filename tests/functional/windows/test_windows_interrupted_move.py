"""A port that moves, cut off at every call: whatever came of it, the next apply leaves what a clean one leaves.

Each machine of one estate dies at another call. A half-moved port looks as if nothing were to be done: both bindings
stand, and nothing tells that the old one was to go. So what waits is confirmed only where it was made to its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cemops.lab.windows.http_sys import ssl_certs
from cemops.lab.windows.machine_file import load_machine
from tests.functional.windows.rollout_rows import MOVED_PORT, ROWS, born_as, declared
from tests.functional.windows.windows_site import CEM_PORT, WindowsSite

pytestmark = pytest.mark.slow

CALLS = (
    "Add-Lock",
    "Register-DeadMan",
    "Add-SslCert",
    "Add-Binding",
    "Remove-Binding",
    "Remove-SslCert",
    "Set-RegistryValue",
    "Unregister-DeadMan",
    "Remove-Lock",
)
MACHINES = tuple(f"m{number}" for number in range(len(CALLS) + 1))
"""The first one is never cut off; each other one dies before the call of its number."""


@dataclass
class Moves:
    """What agents could reach after the cut, and what each machine looked like in the end."""

    site: WindowsSite
    calls: dict[str, list[str]] = field(default_factory=dict)
    meanwhile: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    """Whether the old port and the new one served."""
    codes: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    looks: dict[str, Any] = field(default_factory=dict)

    def serves(self, name: str) -> tuple[bool, bool]:
        return (
            self.site.presented(name, CEM_PORT) is not None,
            self.site.presented(name, MOVED_PORT) is not None,
        )

    def look(self, name: str) -> Any:
        machine = load_machine(self.site.machines[name].folder)
        assert machine.iis is not None
        endpoints = sorted(one.endpoint for one in ssl_certs(machine.registry))
        return machine.iis.sites(), endpoints, machine.dead_men

    def apply(self, *words: str) -> str:
        done = self.site.apply(*words)
        self.codes.append(done.returncode)
        self.texts.append(done.stdout + done.stderr)
        return self.texts[-1]


@pytest.fixture(scope="module")
def moves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moves]:
    with WindowsSite(tmp_path_factory.mktemp("moves") / "site") as site:
        site.declare_notification_server()
        neighbour = site.old_certificate("neighbour.corp.test.example")
        for number, name in enumerate(MACHINES):
            row = replace(ROWS["moves"], machine=name)
            old = site.old_certificate(row.fqdn)
            site.add_site_server(name, making=born_as(row, old, neighbour), cem=declared(row, old))
            if number:
                site.faults(name, dies_at=number)
        made = Moves(site)
        site.start()
        made.apply("--accept-lockout", str(len(MACHINES)))
        made.calls = {name: [line.partition(" ")[0] for line in site.calls(name)] for name in MACHINES}
        for name in MACHINES:
            site.faults(name)
        site.start()
        made.meanwhile = {name: made.serves(name) for name in MACHINES}
        text = made.apply()
        wanted = re.search(r"--accept-lockout (\d+)", text)
        assert wanted is not None, text
        made.apply("--accept-lockout", wanted[1])
        made.looks = {name: made.look(name) for name in MACHINES}
        yield made


def test_each_machine_was_cut_off_at_a_call_of_its_own(moves: Moves) -> None:
    assert tuple(moves.calls["m0"]) == CALLS
    assert [len(moves.calls[name]) for name in MACHINES[1:]] == list(range(1, len(CALLS) + 1))
    assert moves.codes[0] == 1


@pytest.mark.parametrize("name", MACHINES)
def test_one_of_the_two_ports_serves_all_the_time(moves: Moves, name: str) -> None:
    assert any(moves.meanwhile[name])


def test_what_is_undone_is_asked_for_again_and_then_made(moves: Moves) -> None:
    assert moves.codes[1:] == [3, 0], moves.texts[1:]
    assert "m8: the unconfirmed change was confirmed" in moves.texts[1]
    undone = [name for name in MACHINES if f"{name}: the unconfirmed change was undone" in moves.texts[1]]
    assert undone == list(MACHINES[3:8])


@pytest.mark.parametrize("name", MACHINES)
def test_in_the_end_a_machine_is_as_a_clean_apply_leaves_it(moves: Moves, name: str) -> None:
    assert moves.looks[name] == moves.looks["m0"]
    assert moves.serves(name) == (False, True)
