from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.gateway_backup import BackupBeforeChange
from cemops.pki.stored_backup import StoredBackup
from tests.unit.sample_estate import sample_data


def context_with(folder: Path, **changes: Any) -> EstateContext:
    file = folder / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data() | changes), "utf-8")
    return EstateContext.of(read_estate(file))


def read() -> StoredBackup:
    raise AssertionError("the gateway was read")


def test_an_estate_without_a_passphrase_is_told_that_nothing_is_backed_up_and_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    context = context_with(tmp_path, pki={})

    steps = list(BackupBeforeChange(context, "gw1", True, None, read, said.append).steps())

    assert steps == []
    assert "pki.passphrase" in said[0]


@pytest.mark.parametrize(
    ("why_not", "told"),
    [(None, []), ("it lets nobody in yet", ["nothing was backed up: it lets nobody in yet"])],
    ids=["not set up", "nothing worth it"],
)
def test_a_gateway_with_nothing_to_bring_back_is_not_read(tmp_path: Path, why_not: str | None, told: list[str]) -> None:
    said: list[str] = []
    context = context_with(tmp_path, pki={"passphrase": "env:PKI_PASSPHRASE"})

    assert list(BackupBeforeChange(context, "gw1", False, why_not, read, said.append).steps()) == []
    assert said == told
