"""The health gate after a batch: what agents see of its gateways, compared with what they saw before.

What failed before the change, too, and what fails behind the gateway (a server that is down or not set up yet) is told
and holds nobody up: it must not stop the mending of a gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cemops.execution.estate_context import EstateContext
from cemops.model import topology
from cemops.probe.checks import CheckResult, ProbeReport
from cemops.probe.estate_probe import probe_estate
from cemops.probe.estate_subject import EstateSide


@dataclass
class HealthGate:
    """Probes gateways before and after they are changed. ``report`` takes sentences for the operator."""

    context: EstateContext
    now: datetime
    report: Callable[[str], None]
    _failed_before: set[tuple[str, str, str]] = field(default_factory=set)

    def before(self, names: Iterable[str]) -> None:
        """Remember which checks fail already. A gateway that serves nobody has nothing to be compared with."""
        report = self._probe(names)
        serving = {result.gateway for result in report.results} - set(report.unproven_gateways)
        self._failed_before |= {
            _identity(result) for result in report.results if _failed(result) and result.gateway in serving
        }

    def faults(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what agents would miss, or get through, since the change; a sentence each."""
        gateways = [name for name in names if self._is_gateway(name)]
        if not gateways:
            return ()
        report = self._probe(gateways)
        failed = [result for result in report.results if _failed(result)]
        faults = []
        for result in failed:
            what = f"{result.gateway}: {result.check.value} {result.target}"
            if _identity(result) in self._failed_before:
                self.report(f"{what} failed before the change, too")
            elif result.verdict.behind:
                self.report(f"{what} fails behind the gateway: {result.verdict.detail}")
            else:
                faults.append(f"{what}: {result.verdict.detail}")
        passed = report.count("pass")
        self.report(f"health gate of {', '.join(gateways)}: {passed} checks passed, {len(faults)} failed by the change")
        return tuple(faults)

    def _probe(self, names: Iterable[str]) -> ProbeReport:
        gateways = [topology.gateway(self.context.estate, name) for name in names if self._is_gateway(name)]
        side = EstateSide(self.context.estate, self.context.folder, self.context.secrets, self.now)
        return probe_estate(side, gateways) if gateways else ProbeReport(())

    def _is_gateway(self, name: str) -> bool:
        return any(gateway.name == name for gateway in self.context.estate.gateways)


def _failed(result: CheckResult) -> bool:
    return result.verdict.result == "fail"


def _identity(result: CheckResult) -> tuple[str, str, str]:
    return (result.gateway, result.check.value, result.target)
