"""How long a plan file of many hosts takes to load and verify, beside json.loads and SHA-256 over the same file.

Run by ``make bench``. Loading and verifying is all that ``cemops apply FILE`` does with the file: read it, hold its
digest against it, ask whether it is stale, and compare it with the plan as it is now. Pairs are run in turn.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.plan_file import read_plan_file, write_plan_file
from cemops.planning.changes import Action, Change, HostPlan, HostStatus, Plan, PlanWarning, Resource
from cemops.planning.saved_plan import compare, staleness
from tests.unit.sample_estate import sample_data

CHANGES = 10
DIFFS = 3
"""Changes with a text of a release's size; the others have none."""


def main() -> int:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--runs", type=int, default=5, help="pairs for each figure (default 5)")
    arguments = parser.parse_args()
    print(f"{'hosts':>5} {'MB':>6} {'load and verify s':>18} {'json + sha256 s':>16} {'ratio':>6}", flush=True)
    for count in arguments.hosts:
        with tempfile.TemporaryDirectory(prefix="cemops-bench-") as folder:
            measure(Path(folder), count, arguments.runs)
    return 0


def measure(folder: Path, count: int, runs: int) -> None:
    """Write a plan of ``count`` hosts and measure both sides in turn."""
    (folder / "estate.yaml").write_text(yaml.safe_dump(estate_of(count)), "utf-8")
    context = EstateContext.of(read_estate(folder / "estate.yaml"))
    now = datetime.now(UTC)
    plan = plan_of(context.estate.estate, count, now)
    file = folder / "change.plan"
    write_plan_file(file, plan, context)
    ours, theirs = [], []
    for _ in range(runs):
        begin = time.perf_counter()
        saved = read_plan_file(file)
        reasons = (*staleness(saved, context.estate, now), *compare(saved, plan).reasons)
        ours.append(time.perf_counter() - begin)
        if reasons:
            sys.exit(f"the plan does not hold: {reasons[0]}")
        begin = time.perf_counter()
        content = file.read_bytes()
        json.loads(content)
        hashlib.sha256(content).digest()
        theirs.append(time.perf_counter() - begin)
    ratio = statistics.median(left / right for left, right in zip(ours, theirs, strict=True))
    size = file.stat().st_size / 1e6
    print(
        f"{count:>5} {size:>6.1f} {statistics.median(ours):>18.3f} {statistics.median(theirs):>16.3f} {ratio:>5.1f}x",
        flush=True,
    )


def estate_of(count: int) -> dict[str, Any]:
    """Return an estate of so many gateways."""
    estate = sample_data()
    first = estate["gateways"][0]
    estate["gateways"] = [
        {
            **first,
            "name": f"gw{number}",
            "fqdn": f"gw{number}.example",
            "connection": {**first["connection"], "address": f"10.0.{number // 250}.{number % 250 + 1}"},
        }
        for number in range(1, count + 1)
    ]
    return estate


def plan_of(estate: str, count: int, now: datetime) -> Plan:
    """Return a plan that makes a release on every gateway."""
    lines = "".join(f"+Line {number} of a configuration, as long as lines of httpd are\n" for number in range(60))
    hosts = tuple(host_of(f"gw{number}", f"--- /dev/null\n+++ b/file\n{lines}") for number in range(1, count + 1))
    return Plan(estate, "0123456789ab", now.isoformat(timespec="seconds"), hosts, f"sha256:{'0' * 64}")


def host_of(name: str, diff: str) -> HostPlan:
    """Return one host's plan."""
    after = {"digest": "a" * 64, "mode": "0644", "owner": "root"}
    changes = tuple(
        Change(
            name,
            Resource.FILE,
            f"file{number}",
            Action.CREATE,
            "the release does not have it",
            after={**after, "path": f"/srv/cemops/{number}"},
            diff=diff if number < DIFFS else None,
            warnings=(PlanWarning("some-code", "what to know before"),),
        )
        for number in range(CHANGES)
    )
    return HostPlan(name, HostStatus.CHANGES, changes, observed_digest=f"sha256:{'b' * 64}")


if __name__ == "__main__":
    sys.exit(main())
