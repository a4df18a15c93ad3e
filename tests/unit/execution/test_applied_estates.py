"""Which estate each host was last brought to: remembered beside the estate file, or in the store that is declared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cemops.errors import StoreError
from cemops.execution.applied_estates import AppliedEstates
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.secret_store import SecretStore
from tests.unit.sample_estate import sample_data

PLACES = ("folder", "store")


def context_in(
    folder: Path, place: str, changes: Mapping[str, Any] | None = None, url: str = "sqlite:///../shared.db"
) -> EstateContext:
    """An estate in a folder of its own, as each runner has one; ``place``: where baselines are kept."""
    folder.mkdir(exist_ok=True)
    declared = {"change": {"store": "env:STORE"}} if place == "store" else {}
    file = folder / "estate.yaml"
    file.write_text("# hunter2 in a comment\n" + yaml.safe_dump(sample_data({**declared, **(changes or {})})), "utf-8")
    loaded = read_estate(file)
    return EstateContext(loaded, SecretStore(loaded.folder, {"STORE": url}))


def applied_in(context: EstateContext) -> tuple[AppliedEstates, list[str]]:
    said: list[str] = []
    return AppliedEstates(context, said.append), said


def remembered_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".cemops/applied").glob("*.estate.json"))


@pytest.mark.parametrize("place", PLACES)
def test_another_run_knows_what_hosts_were_brought_to(tmp_path: Path, place: str) -> None:
    first = context_in(tmp_path / "a", place)
    applied, said = applied_in(first)
    assert applied.context_of("gw1") is None
    applied.remember(["gw1", "gw2"])
    second = context_in(tmp_path / "a", place, {"gateways.0.listen.port": 8443})
    applied_in(second)[0].remember(["gw1"])
    third, _ = applied_in(second)
    found = {name: third.context_of(name) for name in ("gw1", "gw2", "gw9")}
    assert found["gw9"] is None
    assert found["gw1"] is not None
    assert found["gw2"] is not None
    assert found["gw1"].estate == second.estate
    assert found["gw2"].estate == first.estate
    assert said == []


def test_a_runner_without_a_past_knows_it_from_the_store_and_not_from_a_folder(tmp_path: Path) -> None:
    for place, known in (("store", True), ("folder", False)):
        applied_in(context_in(tmp_path / f"a-{place}", place))[0].remember(["gw1"])
        other, _ = applied_in(context_in(tmp_path / f"b-{place}", place))
        assert (other.context_of("gw1") is not None) is known


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_the_estate_does_not_declare_is_kept(tmp_path: Path, place: str) -> None:
    context = context_in(tmp_path / "a", place)
    applied_in(context)[0].remember(["gw1"])
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path != context.loaded.path]
    assert kept
    assert not [path for path in kept if b"hunter2" in path.read_bytes()]


def test_texts_that_no_host_refers_to_are_removed_and_hosts_that_are_gone_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    applied_in(context_in(folder, "folder"))[0].remember(["gw1", "gw2"])
    (old,) = remembered_files(folder)
    one_gateway = {"gateways": sample_data()["gateways"][:1], "policies.0.gateways": ["gw1"]}
    applied_in(context_in(folder, "folder", one_gateway))[0].remember(["gw1"])
    (new,) = remembered_files(folder)
    assert new != old
    assert json.loads((folder / ".cemops/applied/hosts.json").read_text("utf-8")).keys() == {"gw1"}


def test_a_text_that_somebody_edited_is_not_believed(tmp_path: Path) -> None:
    context = context_in(tmp_path / "a", "folder")
    applied_in(context)[0].remember(["gw1"])
    (name,) = remembered_files(context.folder)
    context = context_in(tmp_path / "a", "folder", {"gateways.0.listen.port": 8443})
    assert applied_in(context)[0].context_of("gw1") is not None
    file = context.folder / ".cemops/applied" / name
    context = context_in(tmp_path / "a", "folder", {"gateways.0.listen.port": 8443})  # changed since
    assert applied_in(context)[0].context_of("gw1") is not None
    file.write_text(file.read_text("utf-8").replace("gw1.example", "gw9.example"), "utf-8")
    assert applied_in(context)[0].context_of("gw1") is None
    (file.parent / "hosts.json").write_text('{"gw1": "sha256:../../estate"}', "utf-8")
    assert applied_in(context)[0].context_of("gw1") is None
    (file.parent / "hosts.json").write_text("[]", "utf-8")
    assert applied_in(context)[0].context_of("gw1") is None


def test_an_estate_that_this_version_cannot_read_is_none(tmp_path: Path) -> None:
    context = context_in(tmp_path / "a", "folder")
    unknown = replace(context, loaded=replace(context.loaded, estate=context.estate.model_copy(update={"estate": "?"})))
    applied_in(unknown)[0].remember(["gw1"])
    assert len(remembered_files(context.folder)) == 1
    assert applied_in(context)[0].context_of("gw1") is None


@pytest.mark.parametrize("url", ["sqlite:///../nowhere/file/state.db", "nonsense"])
def test_a_store_out_of_reach_is_asked_once_and_said_once(tmp_path: Path, url: str) -> None:
    (tmp_path / "nowhere").write_text("a file where a folder belongs")
    applied, said = applied_in(context_in(tmp_path / "a", "store", url=url))
    for _ in range(2):
        applied.remember(["gw1"])
    assert len(said) == 1
    assert said[0].startswith("which estate the hosts were brought to is not remembered: the ")


def test_a_store_that_cannot_be_read_is_no_empty_past(tmp_path: Path) -> None:
    (tmp_path / "shared.db").write_bytes(b"no database" * 500)
    applied, _ = applied_in(context_in(tmp_path / "a", "store"))
    for _ in range(2):
        with pytest.raises(StoreError, match="is no SQLite file"):
            applied.context_of("gw1")


def test_reading_makes_no_store(tmp_path: Path) -> None:
    applied, _ = applied_in(context_in(tmp_path / "a", "store"))
    assert applied.context_of("gw1") is None
    assert not (tmp_path / "shared.db").exists()
