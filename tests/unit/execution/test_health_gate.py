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
from cemops.probe.run import DEFAULT_TIMEOUT
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
        patch.setattr(health_gate, "probe_estate", self._answer)
        self._answers = iter(reports)
        self.expected: list[dict[str, str]] = []
        self.gate = HealthGate(EstateContext.of(read_estate(file)), NOW, self.said.append)

    def _answer(self, _side: object, _gateways: object, *, thumbprints: dict[str, str]) -> ProbeReport:
        self.expected.append(thumbprints)
        return ProbeReport(tuple(next(self._answers)))


def test_a_gateway_that_lets_in_what_it_refused_before_fails_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tmp_path, monkeypatch, [OPEN, DENIED], [OPEN, LET_IN], [OPEN, LET_IN]).gate
    gate.before(["gw1"])

    (fault,) = gate.faults("gw1")

    assert fault == "gateway.deny.unlisted_host ns1.corp.example:4726: what happened"


def test_what_failed_before_too_is_told_and_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Gate(tmp_path, monkeypatch, [OPEN, LET_IN], [OPEN, LET_IN])
    made.gate.before(["gw1"])

    assert made.gate.faults("gw1") == ()
    assert any("failed before the change, too" in sentence for sentence in made.said)


def test_a_gateway_that_answered_nobody_before_excuses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = result(CheckId.TUNNEL_ALLOWED, "fail")
    gate = Gate(tmp_path, monkeypatch, [closed, LET_IN], [OPEN, LET_IN], [OPEN, LET_IN]).gate
    gate.before(["gw1"])

    assert len(gate.faults("gw1")) == 1


def test_a_server_that_is_down_behind_the_gateway_is_told_and_is_not_its_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = result(CheckId.TUNNEL_ALLOWED, "fail", "ps1.corp.example:4726", behind=True)
    made = Gate(tmp_path, monkeypatch, [OPEN, DENIED], [OPEN, DENIED, down])
    made.gate.before(["gw1"])

    assert made.gate.faults("gw1") == ()
    assert any("fails behind the gateway" in sentence for sentence in made.said)


def test_what_fails_once_and_not_again_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = result(CheckId.TUNNEL_ALLOWED, "fail")
    made = Gate(tmp_path, monkeypatch, [OPEN], [closed], [OPEN])
    made.gate.before(["gw1"])

    assert made.gate.faults("gw1") == ()
    assert made.said == ["health gate of gw1: 1 checks passed, 0 failed by the change"]


def test_of_many_faults_three_are_told_and_the_rest_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_in = [result(CheckId.UNLISTED_PORT, "fail", f"ns1.corp.example:{port}") for port in range(1, 6)]
    gate = Gate(tmp_path, monkeypatch, [OPEN], let_in, let_in).gate
    gate.before(["gw1"])

    *told, rest = gate.faults("gw1")

    assert [fault.split()[1] for fault in told] == [f"ns1.corp.example:{port}:" for port in (1, 2, 3)]
    assert rest == "and 2 more"


def test_the_certificate_that_is_just_put_in_counts_instead_of_the_recorded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Gate(tmp_path, monkeypatch, [OPEN], [OPEN])
    made.gate.before(["gw1"])
    made.gate.faults("gw1", "AB" * 32)

    assert made.expected == [{}, {"gw1": "AB" * 32}]


def test_a_change_waits_longer_for_a_gateway_with_more_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Gate(tmp_path, monkeypatch, [OPEN] * 16 + [DENIED])
    made.gate.before(["gw1"])

    assert made.gate.seconds("gw1") == 2 * 3 * DEFAULT_TIMEOUT
    assert made.gate.seconds("gw2") > made.gate.seconds("gw1")  # nobody has looked at it


def test_machines_that_are_no_gateways_are_not_probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Gate(tmp_path, monkeypatch)
    made.gate.before(["ps1"])

    assert made.expected == []
    assert made.said == []


def test_a_gateway_that_answered_and_let_no_agent_through_before_need_not_do_so_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = result(CheckId.TUNNEL_ALLOWED, "fail")
    gate = Gate(tmp_path, monkeypatch, [closed, DENIED], [closed, DENIED], [closed, DENIED]).gate
    gate.before(["gw1"])

    assert gate.faults("gw1") == ()
