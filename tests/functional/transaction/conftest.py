"""One lab for all tests of the transaction: each begins with a plain estate, applied."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cemops.lab.blueprint import LabSettings
from cemops.lab.estate_lab import Lab
from tests.functional.transaction.bench import Bench, operator_running

CONFIRM_SECONDS = 60


@pytest.fixture(scope="session")
def applied_bench() -> Iterator[Bench]:
    # Not below pytest's own folders: they are closed to the account that the gateways serve as.
    parent = Path(tempfile.mkdtemp(prefix="cemops-transaction-"))
    parent.chmod(0o755)
    try:
        with (
            Lab.up(parent / "lab", LabSettings(confirm_seconds=CONFIRM_SECONDS, windows_gateway=False)) as lab,
            operator_running(parent) as operator,
        ):
            yield Bench(lab, operator, lab.estate_file.read_text("utf-8"))
    finally:
        shutil.rmtree(parent)


@pytest.fixture
def bench(applied_bench: Bench) -> Bench:
    applied_bench.restore()
    return applied_bench
