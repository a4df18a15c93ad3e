"""The health gate of a changed gateway: what agents see of it, compared with what they saw before.

It is asked while the change still waits for its confirmation, so a gateway that fails it goes back by itself.

What failed before the change, too, and what fails behind the gateway (a server that is down or not set up yet) is told
and holds nobody up: it must not stop the mending of a gateway.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cemops.execution.estate_context import EstateContext
from cemops.model import topology
from cemops.probe.checks import CheckResult, ProbeReport
from cemops.probe.estate_probe import probe_estate
from cemops.probe.estate_subject import EstateSide
from cemops.probe.run import DEFAULT_TIMEOUT, WORKERS

_TRIES = 2
"""A gateway that has just reloaded may miss one connection; what fails twice is a fault."""
_USUAL_CHECKS = 48
"""Of a gateway that was not looked at before."""
_TOLD = 3
"""Faults that are told in a sentence; `cemops probe` lists them all."""


@dataclass
class HealthGate:
    """Probes gateways before and after they are changed. ``report`` takes sentences for the operator."""

    context: EstateContext
    now: datetime
    report: Callable[[str], None]
    _failed_before: set[tuple[str, str, str]] = field(default_factory=set)
    _checks: Counter[str] = field(default_factory=Counter)

    def before(self, names: Iterable[str]) -> None:
        """Remember which checks fail already. A gateway that did not answer at all has nothing to be compared with."""
        gateways = {gateway.name for gateway in self.context.estate.gateways}
        wanted = [name for name in names if name in gateways]
        if not wanted:
            return
        report = self._probe(wanted)
        serving = {result.gateway for result in report.results if result.result == "pass"}
        self._failed_before |= {
            _identity(result) for result in report.results if _failed(result) and result.gateway in serving
        }
        self._checks.update(Counter(result.gateway for result in report.results))

    def seconds(self, name: str) -> int:
        """Return how long asking may take at most: so much longer a change waits for its confirmation."""
        checks = self._checks.get(name, _USUAL_CHECKS)
        rounds = 1 + math.ceil(checks / WORKERS)  # the thumbprint first, the rest side by side
        return math.ceil(_TRIES * rounds * DEFAULT_TIMEOUT)

    def faults(self, name: str, thumbprint: str | None = None) -> tuple[str, ...]:
        """Return what agents miss, or get through, since the change; a sentence each.

        ``thumbprint`` is of the certificate that the gateway has now; without one, what agents are known to pin counts.
        """
        expected = {} if thumbprint is None else {name: thumbprint}
        for _ in range(_TRIES):
            report = self._probe([name], expected)
            faults = [result for result in report.results if self._speaks_against(result)]
            if not faults:
                break
        self._tell(name, report, len(faults))
        told = [f"{result.check.value} {result.target}: {result.verdict.detail}" for result in faults[:_TOLD]]
        return (*told, f"and {len(faults) - _TOLD} more") if len(faults) > _TOLD else tuple(told)

    def _speaks_against(self, result: CheckResult) -> bool:
        return _failed(result) and _identity(result) not in self._failed_before and not result.verdict.behind

    def _tell(self, name: str, report: ProbeReport, faults: int) -> None:
        for result in report.results:
            if not _failed(result) or self._speaks_against(result):
                continue
            what = f"{name}: {result.check.value} {result.target}"
            if _identity(result) in self._failed_before:
                self.report(f"{what} failed before the change, too")
            else:
                self.report(f"{what} fails behind the gateway: {result.verdict.detail}")
        passed = report.count("pass")
        self.report(f"health gate of {name}: {passed} checks passed, {faults} failed by the change")

    def _probe(self, names: Iterable[str], thumbprints: dict[str, str] | None = None) -> ProbeReport:
        gateways = [topology.gateway(self.context.estate, name) for name in names]
        side = EstateSide(self.context.estate, self.context.folder, self.context.secrets, self.now)
        return probe_estate(side, gateways, thumbprints=thumbprints or {})


def _failed(result: CheckResult) -> bool:
    return result.verdict.result == "fail"


def _identity(result: CheckResult) -> tuple[str, str, str]:
    return (result.gateway, result.check.value, result.target)
