"""The last apply, read from the store of an estate."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from cemops.errors import StoreError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.estate_store import open_store
from cemops.execution.last_apply import last_apply
from cemops.store.records import ApplyStart, Ending
from tests.unit.sample_estate import sample_data

STORE = Path(".cemops/state.db")


@pytest.fixture
def context(tmp_path: Path) -> EstateContext:
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data()), "utf-8")
    return EstateContext.of(read_estate(file))


def test_before_the_first_apply_there_is_none_and_no_store_is_made(context: EstateContext) -> None:
    assert last_apply(context) is None
    assert not (context.folder / STORE).exists()


def test_the_latest_of_several_is_told_with_what_came_of_it(context: EstateContext) -> None:
    before = datetime.now(UTC)
    store = open_store(context)
    for interrupted in (False, True):
        store.lock("apply")
        store.end(store.begin(ApplyStart("apply", "sha256:0")), Ending(interrupted=interrupted))
    store.database.close()
    found = last_apply(context)
    assert found is not None
    assert found.result == "interrupted"
    assert before - timedelta(seconds=1) < found.began <= datetime.now(UTC)


def test_a_store_that_is_none_is_an_error(context: EstateContext) -> None:
    (context.folder / STORE.parent).mkdir()
    (context.folder / STORE).write_bytes(os.urandom(4096))
    with pytest.raises(StoreError):
        last_apply(context)
