"""Rules that an apply was disabling when the machine lost its power: enabled again by the machine, settled by pyinfra."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cemops.lab.windows import birth
from cemops.lab.windows.firewall_rules import RULES
from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.machine_model import Machine
from tests.functional.windows.windows_site import ROOT, WindowsSite

pytestmark = pytest.mark.slow

FOREIGN = tuple(f"Foreign-{number}" for number in range(6))
SECONDS = 20.0
DEAD_MAN_SECONDS = 300


def with_foreign_rules(born: birth.Newborn) -> Machine:
    machine = birth.site_server(born)
    rules = machine.registry.make_key(RULES)
    for number, name in enumerate(FOREIGN):
        text = f"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort={20_000 + number}|Name={name}|"
        rules.set_value(name, "String", text)
    return machine


def enabled(site: WindowsSite) -> int:
    """How many of the foreign rules let somebody in."""
    rules = load_machine(site.machines["ps1"].folder).registry.key(RULES)
    assert rules is not None
    return sum("Active=TRUE" in str(rules.value(name)) for name in FOREIGN)


def test_rules_are_enabled_again_by_the_machine_and_disabled_by_the_next_apply(tmp_path: Path) -> None:
    with WindowsSite(tmp_path / "site") as site:
        site.declare_notification_server()
        site.add_site_server(making=with_foreign_rules)
        site.estate["site_servers"][0]["firewall"] = {"manage": True, "unspecified_rules": "disable"}
        site.faults("ps1", dies=[f"Enable-FirewallRule {FOREIGN[3]} False"])
        site.start()
        assert site.apply().returncode == 1
        assert 0 < enabled(site) < len(FOREIGN)
        site.faults("ps1")
        machine = load_machine(site.machines["ps1"].folder)
        machine.clock_offset_ms = (DEAD_MAN_SECONDS + 1) * 1000
        save_machine(machine)

        site.start()

        deadline = time.monotonic() + SECONDS
        while enabled(site) < len(FOREIGN):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stock = subprocess.run(
            [str(Path(sys.executable).parent / "pyinfra"), "inventory", "deploys/site_servers.py", "-y"],
            cwd=ROOT,
            env={**os.environ, "CEMOPS_ESTATE": str(site.folder / "estate.yaml")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert stock.returncode == 0, stock.stdout + stock.stderr
        assert "is cleared away" in stock.stdout + stock.stderr
        assert enabled(site) == 0
        assert site.plan()["ps1"]["status"] == "in-sync"
