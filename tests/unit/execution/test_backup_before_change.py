from __future__ import annotations

from pathlib import Path

import yaml

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.gateway_backup import BackupBeforeChange
from cemops.pki.stored_backup import StoredBackup
from tests.unit.sample_estate import sample_data


def test_an_estate_without_a_passphrase_is_told_that_nothing_is_backed_up_and_goes_on(tmp_path: Path) -> None:
    data = sample_data()
    data.pop("pki", None)
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(data), "utf-8")
    said: list[str] = []
    context = EstateContext.of(read_estate(file))

    def read() -> StoredBackup:
        raise AssertionError("the gateway was read")

    steps = list(BackupBeforeChange(context, "gw1", True, True, read, said.append).steps())

    assert steps == []
    assert "pki.passphrase" in said[0]
