"""The stand-in does what the payload does: every case of the payload, run by the stand-in's own implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.payload.run import judge, read_cases, unpacked
from tests.unit.lab.stand_in_case import StandInCase

CASES = read_cases()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case_of_the_payload_holds_for_the_stand_in(case: dict[str, Any], tmp_path: Path) -> None:
    outcome = StandInCase(case, tmp_path).run()
    outcome["reply"] = unpacked(outcome["reply"])
    assert judge(case, outcome) == []
