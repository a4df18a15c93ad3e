from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cemops.errors import CemopsError
from cemops.execution.gateway_state import parse_gateway_state
from cemops.execution.observation_record import read_record, record_document
from cemops.model.estate import Estate
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ESTATE = Estate.model_validate(sample_data())
LINES = Path("tests/cases/gateway-state/applied.txt").read_text("utf-8").splitlines()


def written(folder: Path, document: Any) -> Path:
    path = folder / "record.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def record() -> dict[str, Any]:
    return record_document(ESTATE, NOW, {"gw1": LINES}, {"gw2": "no route to host"})


def test_a_record_comes_back_as_the_host_was_seen(tmp_path: Path) -> None:
    found = read_record(written(tmp_path, record()), ESTATE)
    assert found == {"gw1": parse_gateway_state(LINES)}


def test_a_record_says_why_a_host_is_not_in_it() -> None:
    assert record()["hosts"][1] == {"host": "gw2", "kind": "gateway", "error": "no route to host"}
    assert record()["taken"] == "2026-11-22T12:00:00+00:00"


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        {"schema": 2},
        {"schema": 2, "estate": "northwind"},
        {"schema": 2, "estate": "northwind", "hosts": 7},
        {"schema": 2, "estate": "northwind", "hosts": [7]},
        {"schema": 2, "estate": "northwind", "hosts": [{"answer": [], "kind": "gateway"}]},
        {"schema": 2, "estate": "northwind", "hosts": [{"host": "gw1", "kind": "gateway", "answer": None}]},
        {"schema": 2, "estate": "northwind", "hosts": [{"host": "gw1", "kind": "gateway", "answer": [1, 2]}]},
        {"schema": 9, "estate": "northwind", "hosts": []},
        {"schema": "2", "estate": "northwind", "hosts": []},
    ],
)
def test_what_is_no_record_is_refused_with_its_file_and_the_repair(tmp_path: Path, damaged: Any) -> None:
    path = written(tmp_path, damaged)
    with pytest.raises(CemopsError) as caught:
        read_record(path, ESTATE)
    assert str(path) in str(caught.value)
    assert "cemops observe" in str(caught.value)


def test_lines_that_were_cut_are_refused_with_file_and_host(tmp_path: Path) -> None:
    document = record()
    document["hosts"][0]["answer"] = LINES[:-1]
    path = written(tmp_path, document)
    with pytest.raises(CemopsError, match="what is recorded of gw1 is damaged") as caught:
        read_record(path, ESTATE)
    assert str(path) in str(caught.value)


def test_a_record_of_another_estate_is_refused(tmp_path: Path) -> None:
    other = Estate.model_validate(sample_data({"estate": "contoso"}))
    with pytest.raises(CemopsError, match="records the estate northwind, not contoso"):
        read_record(written(tmp_path, record()), other)


@pytest.mark.parametrize("path", [Path("nowhere.json"), Path()])
def test_a_record_that_cannot_be_opened_is_refused(tmp_path: Path, path: Path) -> None:
    with pytest.raises(CemopsError, match="cannot be read"):
        read_record(tmp_path / path, ESTATE)
