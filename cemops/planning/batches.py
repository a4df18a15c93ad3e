"""In which order and how many at a time: canary first, then batches, servers before gateways. Pure.

Gateways of one policy are never all in one batch: agents rotate over them (C-07), and those that meet a bad one must
find a good one. A batch is begun and finished in a change window; within it machines go one after another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cemops.errors import UsageError
from cemops.model.estate import Estate
from cemops.planning.managed import DEPLOYS, Deploy, managed_machines

_SIZE = re.compile(r"(\d{1,6})(%?)", re.ASCII)
_ALL = 100


@dataclass(frozen=True)
class BatchSize:
    """How many machines of a deploy go together: a number, or a percentage of those that change."""

    number: int
    percent: bool = False

    def of(self, machines: int) -> int:
        """Return how many of so many machines: at least one."""
        wanted = machines * self.number // _ALL if self.percent else self.number
        return max(1, wanted)


ONE = BatchSize(1)


@dataclass(frozen=True)
class Batch:
    """Machines of one deploy that are begun together: what follows may be left for the next window."""

    deploy: Deploy
    hosts: tuple[str, ...]


def batch_size(text: str) -> BatchSize:
    """Read ``5`` or ``20%``. Raises UsageError for anything else."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or int(found[1]) == 0 or (found[2] and int(found[1]) > _ALL):
        raise UsageError(f"--batch {text!r} is no size of a batch: write a number of machines or a percentage, as 20%")
    return BatchSize(int(found[1]), bool(found[2]))


def batches(estate: Estate, changed: Sequence[str], canary: str | None, size: BatchSize) -> tuple[Batch, ...]:
    """Split the machines that change. Raises UsageError where the canary is not one of them."""
    if canary is not None and canary not in changed:
        raise UsageError(f"--canary {canary} is not among the machines that change: {', '.join(changed) or 'none'}")
    deploys = managed_machines(estate)
    found = [Batch(deploys[canary], (canary,))] if canary is not None else []
    for deploy in DEPLOYS:
        left = [name for name in changed if deploys.get(name) == deploy and name != canary]
        step = size.of(len(left))
        while left:
            batch = _not_whole_policy(estate, tuple(left[:step])) if deploy == "gateway" else tuple(left[:step])
            found.append(Batch(deploy, batch))
            left = [name for name in left if name not in batch]
    return tuple(found)


def _not_whole_policy(estate: Estate, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Shorten a batch of gateways until each policy with several gateways keeps one outside."""
    while len(hosts) > 1 and any(
        len(policy.gateways) > 1 and set(policy.gateways) <= set(hosts) for policy in estate.policies
    ):
        hosts = hosts[:-1]
    return hosts
