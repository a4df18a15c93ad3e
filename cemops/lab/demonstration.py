"""``cemops lab run``: from nothing to a proven gateway, each step the very command that an operator types."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cemops.errors import CemopsError
from cemops.lab.blueprint import LabSettings
from cemops.lab.estate_lab import COMMAND_SECONDS, Lab, untold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

StepName = Literal["up", "validate", "plan", "apply", "replan", "probe", "down"]

_COMMANDS: tuple[tuple[StepName, str, tuple[str, ...]], ...] = (
    ("validate", "is the estate sound?", ("validate",)),
    ("plan", "what would change? (nothing is changed)", ("plan", "--brief")),
    ("apply", "change it: each gateway rehearsed, switched, checked from outside", ("apply", "--yes")),
    ("replan", "what is left to change? (must be nothing)", ("plan", "--detailed-exitcode")),
    ("probe", "what gets through, and what does not, as an agent sees it", ("probe",)),
)
_COUNTED = frozenset({"hosts", "errors", "warnings", "infos"})
"""Nouns in the summaries of commands; the other words are what became of something (``pass``, ``create``)."""


@dataclass(frozen=True)
class Step:
    """One step done: ``detail`` says in a line what came of it."""

    step: StepName
    passed: bool
    seconds: float
    detail: str

    def as_json(self) -> dict[str, Any]:
        """Return the step as in the contract."""
        return {
            "step": self.step,
            "result": "pass" if self.passed else "fail",
            "seconds": round(self.seconds, 3),
            "detail": self.detail,
        }


@dataclass
class Demonstration:
    """Runs the steps; ``announce`` and ``finished`` are told of each.

    With ``quiet`` each command is asked for JSON and its summary becomes the detail; else its text goes to
    stdout.
    """

    folder: Path
    announce: Callable[[StepName, str], None]
    finished: Callable[[Step], None]
    quiet: bool = False
    keep: bool = False
    settings: LabSettings = field(default_factory=LabSettings)
    tell: Callable[[str], None] = untold
    """Is told what ``up`` does to a lab that was there before."""

    def run(self) -> tuple[Step, ...]:
        """Run the steps, stop at the first that fails, and go down in any case.

        A lab that was there before is refused by ``up`` and left alone.
        """
        steps: list[Step] = []
        lab = self._up(steps)
        if lab is None:
            return tuple(steps)
        try:
            for name, question, arguments in _COMMANDS:
                self.announce(name, question)
                self._done(steps, self._command(lab, name, arguments))
                if not steps[-1].passed:
                    break
        finally:
            if not self.keep:
                self._down(lab, steps)
        return tuple(steps)

    def _done(self, steps: list[Step], step: Step) -> None:
        steps.append(step)
        self.finished(step)

    def _up(self, steps: list[Step]) -> Lab | None:
        self.announce("up", "start three gateways and the servers behind them on this machine")
        begin = time.monotonic()
        try:
            lab = Lab.up(self.folder, self.settings, self.tell)
        except CemopsError as error:
            self._done(steps, Step("up", passed=False, seconds=time.monotonic() - begin, detail=error.message))
            return None
        self._done(steps, Step("up", passed=True, seconds=time.monotonic() - begin, detail=f"lab in {lab.folder}"))
        return lab

    def _down(self, lab: Lab, steps: list[Step]) -> None:
        self.announce("down", "end it all and remove the folder")
        begin = time.monotonic()
        try:
            lab.down()
        except CemopsError as error:
            self._done(steps, Step("down", passed=False, seconds=time.monotonic() - begin, detail=error.message))
            return
        self._done(steps, Step("down", passed=True, seconds=time.monotonic() - begin, detail="nothing left behind"))

    def _command(self, lab: Lab, name: StepName, arguments: tuple[str, ...]) -> Step:
        begin = time.monotonic()
        run = self._run_quietly if self.quiet else self._run_visibly
        try:
            code, detail = run(lab, arguments)
        except subprocess.TimeoutExpired:
            code, detail = 1, f"not done after {COMMAND_SECONDS:.0f} s, ended"
        if name == "replan" and code == 2:  # noqa: PLR2004  # the exit code of the contract: there are changes
            detail = f"changes are left after apply: {detail}"
        return Step(name, code == 0, time.monotonic() - begin, detail)

    def _run_visibly(self, lab: Lab, arguments: tuple[str, ...]) -> tuple[int, str]:
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-m", "cemops", *arguments],
            env=lab.environment,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        return done.returncode, f"cemops {' '.join(arguments)}: exit code {done.returncode}"

    def _run_quietly(self, lab: Lab, arguments: tuple[str, ...]) -> tuple[int, str]:
        done = lab.cemops(*arguments, "--format", "json")
        sys.stderr.write(done.stderr)
        return done.returncode, _summary(done.stdout) or _last_line(done.stderr) or f"exit code {done.returncode}"


def _summary(output: str) -> str:
    """Return the ``summary`` of a command's JSON as a line; empty if there is none."""
    try:
        document = json.loads(output)
    except ValueError:
        return ""
    summary = document.get("summary") if isinstance(document, dict) else None
    if not isinstance(summary, dict):
        return ""
    return ", ".join(_said(key, value) for key, value in summary.items())


def _said(key: str, value: object) -> str:
    """Say one number of a summary: ``hosts_changed`` and 1 are "1 host changed"."""
    noun, _, rest = key.partition("_")
    if value == 1 and noun in _COUNTED:
        noun = noun.removesuffix("s")
    return " ".join(filter(None, (str(value), noun, rest.replace("_", " "))))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
