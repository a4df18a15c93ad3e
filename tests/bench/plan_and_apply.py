"""How long plan and no-change apply take at 1, 20 and 100 hosts, beside plain pyinfra with the same ten files.

Run by ``make bench``, never by the tests: a figure in seconds says nothing on another machine, a ratio of two commands
in one run does. The hosts are addresses of real sshds, sixteen each (a lab); every gateway is applied first, so that both sides
have nothing to change. The peer is ``pyinfra --dry`` and ``-y`` with ten ``files.template`` operations that render the
files of a release. Pairs are run in turn; wall time and the operator's CPU time are reported as medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.inventory import inventory_groups
from cemops.lab.blueprint import LabSettings
from cemops.lab.estate_lab import Lab

HERE = Path(__file__).parent
FILES = 10


@dataclass(frozen=True)
class Figure:
    """One run of a command: seconds of wall time, and of the operator's CPU."""

    wall: float
    cpu: float


def main() -> int:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--runs", type=int, default=3, help="pairs for each figure (default 3)")
    arguments = parser.parse_args()
    print(f"{'hosts':>5}  {'what':<16} {'cemops':>16} {'plain pyinfra':>16} {'wall ratio':>10}", flush=True)
    print(f"{'':>5}  {'':<16} {'wall s (cpu s)':>16} {'wall s (cpu s)':>16} {'median':>10}", flush=True)
    for count in arguments.hosts:
        measure(count, arguments.runs)
    return 0


def measure(count: int, runs: int) -> None:
    """Bring up a lab of ``count`` gateways, apply both sides once, and measure them in turn."""
    folder = Path(tempfile.mkdtemp(prefix="cemops-bench-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with Lab.up(folder / "lab", LabSettings(gateways=count, gateways_per_sshd=16, windows_gateway=False)) as lab:
            environment = {**os.environ, **lab.environment}
            peer = write_peer(folder, lab)
            run([*cemops(), "apply", "--limit", "notification_servers,site_servers", "--yes"], environment, folder)
            # By the stock command, which has no health gate: a hundred probes are another measurement.
            run([*pyinfra(), "inventory", "deploys/gateway.py", "-y"], environment, HERE.parents[1])
            run([*pyinfra(), "inventory.py", "templates.py", "-y"], environment, peer)
            pairs = {
                "plan": ([*cemops(), "plan", "--limit", "gateways", "--detailed-exitcode"], ["--dry"]),
                "apply, no change": ([*cemops(), "apply", "--limit", "gateways", "--yes"], ["-y"]),
            }
            for what, (ours, flags) in pairs.items():
                theirs = [*pyinfra(), "inventory.py", "templates.py", *flags]
                report(count, what, *in_turn(ours, theirs, runs, environment, folder, peer))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def in_turn(  # noqa: PLR0917 - two commands with where each runs
    ours: Sequence[str], theirs: Sequence[str], runs: int, environment: dict[str, str], folder: Path, peer: Path
) -> tuple[list[Figure], list[Figure]]:
    """Run the two commands in turn, so that a machine that slows down slows both."""
    left, right = [], []
    for _ in range(runs):
        left.append(run(ours, environment, folder))
        right.append(run(theirs, environment, peer))
    return left, right


def run(command: Sequence[str], environment: dict[str, str], folder: Path) -> Figure:
    """Run a command to its end; its own CPU time is that of its process alone, not of the lab's servers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=1800, check=False
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return Figure(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def report(count: int, what: str, ours: list[Figure], theirs: list[Figure]) -> None:
    """Print one row: medians, and the median of the ratios pair by pair."""
    ratio = statistics.median(right.wall / left.wall for left, right in zip(ours, theirs, strict=True))
    print(f"{count:>5}  {what:<16} {_shown(ours):>16} {_shown(theirs):>16} {ratio:>9.1f}x", flush=True)


def _shown(figures: list[Figure]) -> str:
    wall = statistics.median(figure.wall for figure in figures)
    cpu = statistics.median(figure.cpu for figure in figures)
    return f"{wall:.1f} ({cpu:.1f})"


def write_peer(folder: Path, lab: Lab) -> Path:
    """Write a plain pyinfra project: the same hosts, ten templates made from the files of a live release."""
    peer = folder / "peer"
    peer.mkdir()
    context = EstateContext.of(read_estate(lab.estate_file))
    hosts = [(name.removeprefix("@cemops-ssh/"), data) for name, data in inventory_groups(context)["gateways"]]
    entries = [
        (
            name,
            {
                "ssh_hostname": data["cemops_address"],
                "ssh_port": data["cemops_port"],
                "ssh_user": data["cemops_username"],
                "ssh_key": data["cemops_private_key_file"],
                "ssh_known_hosts_file": str(folder / "known_hosts"),
                "ssh_strict_host_key_checking": "accept-new",
                "peer_root": str(folder / "peer-roots" / name),
            },
        )
        for name, data in hosts
    ]
    (peer / "inventory.py").write_text(f"hosts = {entries!r}\n")
    template = (HERE.parents[1] / "README.md").read_text().replace("{", "(").replace("}", ")")
    for number in range(FILES):
        (peer / f"file{number}.j2").write_text(f"# {number} of {{{{ host.name }}}}\n{template}")
    (peer / "templates.py").write_text(
        "from pyinfra import host\n"
        "from pyinfra.operations import files\n"
        f"for number in range({FILES}):\n"
        "    files.template(name=f'file {number}', src=f'file{number}.j2',\n"
        "                   dest=f'{host.data.peer_root}/file{number}', host=host)\n"
    )
    return peer


def cemops() -> list[str]:
    """Return how to run cemops."""
    return [sys.executable, "-m", "cemops"]


def pyinfra() -> list[str]:
    """Return how to run the stock pyinfra command."""
    return [str(Path(sys.executable).with_name("pyinfra"))]


if __name__ == "__main__":
    sys.exit(main())
