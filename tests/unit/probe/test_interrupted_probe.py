"""An interrupted probe ends when the attempts at work have ended: the queue is not worked through first."""

from __future__ import annotations

import threading

import pytest

from cemops.probe.checks import CheckId, CheckResult, Verdict
from cemops.probe.plan import PlannedCheck, plan_checks
from cemops.probe.run import GatewayProbe, probe_gateways
from cemops.probe.subject import Missing, ProbeSubject, ProbeTarget

GATEWAYS = 60
ATTEMPT_SECONDS = 0.02
TARGETS = (ProbeTarget("ns1.corp.example", 4726, True, "ns1"),)


def subject(number: int) -> ProbeSubject:
    nothing = Missing("not in this test")
    return ProbeSubject(f"gw{number}", "203.0.113.1", 443, "gw.example", "0" * 40, TARGETS, (), nothing)


def test_an_interrupted_probe_begins_no_further_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    going_on = threading.Event()

    def first(_probe: GatewayProbe) -> CheckResult:
        return CheckResult(CheckId.THUMBPRINT, "gw", "gw.example:443", Verdict("pass", "it is there"))

    def attempt(_probe: GatewayProbe, planned: PlannedCheck) -> CheckResult:
        begun.append(planned.target)
        if len(begun) == 1:
            raise KeyboardInterrupt  # comes out where the results are awaited, as a signal does
        going_on.wait(ATTEMPT_SECONDS)
        return CheckResult(planned.check, "gw", planned.target, Verdict("pass", "it is there"))

    monkeypatch.setattr(GatewayProbe, "check_thumbprint", first)
    monkeypatch.setattr(GatewayProbe, "check", attempt)
    subjects = [subject(number) for number in range(GATEWAYS)]
    wanted = sum(len(plan_checks(one)) for one in subjects)

    with pytest.raises(KeyboardInterrupt):
        probe_gateways(subjects)

    assert len(begun) < wanted
