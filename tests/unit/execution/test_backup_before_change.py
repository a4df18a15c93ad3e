from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.gateway_backup import BackupBeforeChange
from tests.unit.sample_estate import sample_data


def test_an_estate_without_a_passphrase_is_told_that_nothing_is_backed_up_and_goes_on(tmp_path: Path) -> None:
    data = sample_data()
    data.pop("pki", None)
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(data), "utf-8")
    said: list[str] = []
    nothing: Any = None  # neither the host nor what it holds is looked at

    steps = list(BackupBeforeChange(EstateContext.of(read_estate(file)), nothing, nothing, said.append).steps())

    assert steps == []
    assert "pki.passphrase" in said[0]
