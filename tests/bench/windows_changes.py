"""What Windows machines cost: requests, bytes and time to observe them, and to apply and verify 40 changes on one.

Run by ``make bench``, never by the tests (counts that must hold are tests: tests/functional/windows). The machines are
the lab's stand-ins: real WinRM over TLS with NTLM, no PowerShell. Requests, bytes and connections are what the endpoints
counted; bytes are the bodies of HTTP messages. The time is the wall time of the whole command, its start included, and
says nothing about a real machine, where PowerShell alone takes about a second to start: so no ratio of times is
printed. The line for Ansible quotes ENGINEERING.md ("Windows over WinRM"); it was not measured in this run.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cemops.lab.windows import birth
from cemops.lab.windows.firewall_rules import RULES
from cemops.lab.windows.machine_model import Machine
from tests.functional.windows.windows_site import HTTPS_PORT, ISSUED, WindowsSite

CHANGES = 40
MACHINES = 20
RUNS = 3
QUOTED_REQUESTS = (6, 8)
QUOTED_KILOBYTES = 160
"""ENGINEERING.md, "Windows over WinRM": what Ansible needs for each task."""


@dataclass(frozen=True)
class Figure:
    """What one command cost at the endpoints, and how long it took."""

    requests: int
    octets: int
    connections: int
    processes: int
    seconds: float


def main() -> int:
    """Run the benchmark and print a table."""
    print(f"{'what':<44} {'requests':>9} {'KB':>7} {'conns':>6} {'procs':>6} {'wall s':>7}", flush=True)
    with tempfile.TemporaryDirectory(prefix="cemops-bench-") as name:
        observing(Path(name), 1)
        observing(Path(name), MACHINES)
        changing(Path(name))
    low, high = (CHANGES * requests for requests in QUOTED_REQUESTS)
    kilobytes = CHANGES * QUOTED_KILOBYTES
    print(f"{f'Ansible, {CHANGES} tasks (quoted, not measured)':<44} {f'{low}-{high}':>9} {f'~{kilobytes}':>7}")
    return 0


def observing(folder: Path, count: int) -> None:
    """Observe ``count`` machines at the same time; the figures are of all of them together."""
    with WindowsSite(folder / f"observing-{count}") as site:
        site.declare_notification_server()
        names = [f"ps{number}" for number in range(1, count + 1)]
        for name in names:
            site.add_site_server(name)
        site.start()
        record = str(site.folder / "record.json")
        figures = [measured(site, names, "observe", "--out", record) for _ in range(RUNS)]
    report(f"observe {count} machine{'s' if count > 1 else ''}", figures)


def changing(folder: Path) -> None:
    """Apply a plan of 40 changes to one machine, and apply again, which has nothing to do."""
    figures, again = [], []
    for run in range(RUNS):
        with WindowsSite(folder / f"changing-{run}") as site:
            site.declare_notification_server()
            fresh = len(plan_of(site, 0))
            planned = len(plan_of(site, CHANGES - fresh))
            if planned != CHANGES:
                sys.exit(f"the plan has {planned} changes, not {CHANGES}: correct the machine of this benchmark")
            name = list(site.machines)[-1]
            figures.append(measured(site, [name], "apply", "--yes", "--limit", name))
            again.append(measured(site, [name], "apply", "--yes", "--limit", name))
    report(f"apply and verify {CHANGES} changes on one machine", figures)
    report("apply again, nothing to do", again)


def plan_of(site: WindowsSite, opened: int) -> list[object]:
    """Add a site server with so many firewall rules that nothing declares, and return what its plan would change."""
    name = f"ps{len(site.machines) + 1}"
    binding = {"install_certificate": True, "certificate": dict(ISSUED)}
    site.add_site_server(name, making=opened_widely(opened), https={"port": HTTPS_PORT, **binding})
    server = site.estate["site_servers"][-1]
    server["firewall"] = {
        "manage": True,
        "unspecified_rules": "disable",
        "keep": ["Remote Desktop - User Mode (TCP-In)"],
    }
    site.start()
    changes = site.plan("--limit", name)[name]["changes"]
    if not isinstance(changes, list):
        sys.exit("a plan without a list of changes: correct this benchmark")
    return changes


def opened_widely(count: int) -> Callable[[birth.Newborn], Machine]:
    """Return a birth of a site server on which somebody opened ``count`` ports."""

    def making(born: birth.Newborn) -> Machine:
        machine = birth.site_server(born)
        rules = machine.registry.make_key(RULES)
        for number in range(count):
            text = f"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort={20000 + number}|Name=Opened {number}|"
            rules.set_value(f"opened-{number}", "String", text)
        return machine

    return making


def measured(site: WindowsSite, names: list[str], *words: str) -> Figure:
    """Run a command; return what the endpoints of the named machines counted meanwhile."""
    before = [site.counts(name) for name in names]
    begin = time.perf_counter()
    done = site.cemops(*words)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(
            f"cemops {' '.join(words)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    after = [site.counts(name) for name in names]

    def sum_of(*keys: str) -> int:
        return sum(int(late[key]) - int(early[key]) for early, late in zip(before, after, strict=True) for key in keys)

    return Figure(
        sum_of("requests"), sum_of("octets_in", "octets_out"), sum_of("connections"), sum_of("commands"), seconds
    )


def report(what: str, figures: list[Figure]) -> None:
    """Print one row: the medians."""

    def median(values: list[int]) -> str:
        return f"{statistics.median(values):.0f}"

    requests = median([figure.requests for figure in figures])
    kilobytes = median([figure.octets // 1000 for figure in figures])
    connections = median([figure.connections for figure in figures])
    processes = median([figure.processes for figure in figures])
    seconds = statistics.median(figure.seconds for figure in figures)
    print(
        f"{what:<44} {requests:>9} {kilobytes:>7} {connections:>6} {processes:>6} {seconds:>7.1f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
