"""The recorded answers of Windows machines, as data that a test may change."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from cemops.execution.windows_state.state import parse_state
from cemops.model.windows_observed import ObservedWindows

CASES = Path("tests/cases/windows")
OBSERVED_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@cache
def _read(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    return case


def state_data(name: str) -> dict[str, Any]:
    """The data of a case's reply; a copy."""
    data: dict[str, Any] = copy.deepcopy(_read(name)["data"])
    return data


def observed(name: str) -> ObservedWindows:
    return parse_state(state_data(name), OBSERVED_AT)
