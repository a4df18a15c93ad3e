from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cemops.execution import health_gate
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.health_gate import HealthGate
from cemops.probe.checks import CheckId, CheckResult, ProbeReport, Result, Verdict
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NS1 = "ns1.corp.example:4726"


def result(check: CheckId, came: Result, target: str = NS1, **verdict: Any) -> CheckResult:
    return CheckResult(check, "gw1", target, Verdict(came, "what happened", **verdict))


OPEN = result(CheckId.TUNNEL_ALLOWED, "pass")
DENIED = result(CheckId.UNLISTED_HOST, "pass")
LET_IN = result(CheckId.UNLISTED_HOST, "fail")


class Gate:
    """A gate whose probe answers what the test says, one report after the other."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *reports: Sequence[CheckResult]) -> None:
        file = folder / "estate.yaml"
        file.write_text(yaml.safe_dump(sample_data()), "utf-8")
        self.said: list[str] = []
        answers = iter(reports)
        patch.setattr(health_gate, "probe_estate", lambda *_: ProbeReport(tuple(next(answers))))
        self.gate = HealthGate(EstateContext.of(read_estate(file)), NOW, self.said.append)


def test_a_gateway_that_lets_in_what_it_refused_before_fails_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tmp_path, monkeypatch, [OPEN, DENIED], [OPEN, LET_IN]).gate
    gate.before(["gw1"])

    (fault,) = gate.faults(["gw1"])

    assert fault.startswith("gw1: gateway.deny.unlisted_host ns1.corp.example:4726: ")


def test_what_failed_before_too_is_told_and_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Gate(tmp_path, monkeypatch, [OPEN, LET_IN], [OPEN, LET_IN])
    made.gate.before(["gw1"])

    assert made.gate.faults(["gw1"]) == ()
    assert any("failed before the change, too" in sentence for sentence in made.said)


def test_a_gateway_that_served_nobody_before_excuses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = result(CheckId.TUNNEL_ALLOWED, "fail")
    gate = Gate(tmp_path, monkeypatch, [closed, LET_IN], [OPEN, LET_IN]).gate
    gate.before(["gw1"])

    assert len(gate.faults(["gw1"])) == 1


def test_a_server_that_is_down_behind_the_gateway_is_told_and_is_not_its_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = result(CheckId.TUNNEL_ALLOWED, "fail", "ps1.corp.example:4726", behind=True)
    made = Gate(tmp_path, monkeypatch, [], [OPEN, DENIED, down])
    made.gate.before(["gw1"])

    assert made.gate.faults(["gw1"]) == ()
    assert any("fails behind the gateway" in sentence for sentence in made.said)


def test_machines_that_are_no_gateways_are_not_probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Gate(tmp_path, monkeypatch)
    made.gate.before(["ps1"])

    assert made.gate.faults(["ps1"]) == ()
    assert made.said == []
