"""The look from outside: what an agent sees first, then the health gate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.gateway_look import OutsideLook
from cemops.execution.health_gate import HealthGate
from cemops.execution.outside_check import AgentsView
from cemops.model import topology
from cemops.probe.opens import OpensResult
from tests.unit.sample_estate import sample_data

THUMBPRINT = "AB" * 32


class Gate(HealthGate):
    """A gate that finds what the test says."""

    found: tuple[str, ...] = ()
    asked: tuple[tuple[str, str | None], ...] = ()

    def faults(self, name: str, thumbprint: str | None = None) -> tuple[str, ...]:
        self.asked = (*self.asked, (name, thumbprint))
        return self.found


def looking(folder: Path, patch: pytest.MonkeyPatch, *seen: str) -> tuple[OutsideLook, Gate, list[int]]:
    """A look that sees these faults each time, its gate, and how long changes were held."""
    file = folder / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data()), "utf-8")
    context = EstateContext.of(read_estate(file))
    result = OpensResult(ok=not seen, proven=not seen, faults=seen, targets=(), details=())

    def look(*_: Any) -> OpensResult:
        return result

    patch.setattr(AgentsView, "look", look)
    patch.setattr("cemops.execution.gateway_look.CHECK_PAUSE_SECONDS", 0.0)
    gate = Gate(context, datetime.now(UTC), lambda _: None)
    gateway = topology.gateway(context.estate, "gw1")
    held: list[int] = []
    found = OutsideLook(context, gateway, lambda: THUMBPRINT, lambda: True, lambda _: None, gate=gate, hold=held.append)
    return found, gate, held


def test_what_the_gate_finds_speaks_against_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look, gate, held = looking(tmp_path, monkeypatch)
    gate.found = ("gateway.deny.unlisted_host ns1: let in",)

    assert look.after() == ("health gate: gateway.deny.unlisted_host ns1: let in",)
    assert gate.asked == (("gw1", THUMBPRINT),)
    assert held == [gate.seconds("gw1") + look.gateway.confirm_seconds]


def test_a_gateway_that_an_agent_cannot_use_is_not_probed_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, gate, held = looking(tmp_path, monkeypatch, "nothing opens")

    assert look.after() == ("nothing opens",)
    assert (gate.asked, held) == ((), [])


def test_nothing_speaks_against_a_gateway_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look, gate, _ = looking(tmp_path, monkeypatch)

    assert look.after() == ()
    assert len(gate.asked) == 1
