"""``cemops`` commands for tests that run many: forks of a process that has imported cemops, 0.6 s cheaper each.

What a fork does is what the command does: its own arguments, environment, folder and output, and an end of its own.
How the program itself starts, tests of the command line show (tests/unit/cli).
"""

from __future__ import annotations

import atexit
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cemops.lab.estate_lab import Lab
from tests.functional.transaction.bench import Operator, operator_running

_idle: list[Operator] = []
_running = ExitStack()
atexit.register(_running.close)


def forked_cemops(*words: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command in a folder, without a terminal; ``environment`` is what it has more than this process."""
    with _operator() as operator:
        said = operator.run(words, dict(environment), None, within=folder)
    return subprocess.CompletedProcess(("cemops", *words), said.code, said.out, said.err)


class ForkedLab(Lab):
    """A lab on which ``cemops`` is a fork."""

    def cemops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As a lab's own."""
        return forked_cemops(*arguments, folder=Path.cwd(), environment=self.environment)


@contextmanager
def _operator() -> Iterator[Operator]:
    """One that nobody else uses at this time: tests may run several commands at once."""
    operator = _idle.pop() if _idle else _new()
    yield operator
    _idle.append(operator)  # one that did not answer in time is used no more


def _new() -> Operator:
    folder = _running.enter_context(tempfile.TemporaryDirectory(prefix="cemops-forks-"))
    return _running.enter_context(operator_running(Path(folder)))
