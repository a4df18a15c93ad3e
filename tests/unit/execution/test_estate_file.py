from __future__ import annotations

from pathlib import Path

import pytest

from cemops.errors import EstateError
from cemops.execution.estate_file import estate_path_from, read_estate, resolve_path

MINIMAL = "cemops: 1\nestate: northwind\n"


def only_problem(path: Path) -> str:
    with pytest.raises(EstateError) as caught:
        read_estate(path)
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_an_estate_is_read_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "estate.yaml").write_text(MINIMAL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    loaded = read_estate(Path("estate.yaml"))
    assert loaded.estate.estate == "northwind"
    assert (loaded.path, loaded.folder) == (tmp_path / "estate.yaml", tmp_path)
    assert loaded.document.file == "estate.yaml"


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    message = only_problem(tmp_path / "none.yaml")
    assert str(tmp_path / "none.yaml") in message
    assert "--estate or CEMOPS_ESTATE" in message


def test_a_folder_is_told_from_a_file(tmp_path: Path) -> None:
    assert f"name the file in it, such as {tmp_path}/estate.yaml" in only_problem(tmp_path)


def test_a_file_in_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "estate.yaml").write_text(MINIMAL, encoding="utf-8")
    assert "cannot be read" in only_problem(tmp_path / "estate.yaml" / "x")


def test_a_name_that_is_no_path_is_refused() -> None:
    assert "cannot be read" in only_problem(Path("a\0b"))


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_not_utf_8_is_refused_at_its_place(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "estate.yaml"
    path.write_bytes("cemops: 1\nestate: müller\n".encode(encoding))
    message = only_problem(path)
    assert "save it as UTF-8" in message
    assert (f"{path}:2:10:" in message) == (encoding == "latin-1")


def test_a_byte_order_mark_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert "without BOM" in only_problem(path)


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    path.write_bytes(MINIMAL.replace("\n", "\r\n").encode())
    assert read_estate(path).estate.estate == "northwind"


def test_the_option_wins_over_the_environment_and_that_over_the_default() -> None:
    named = {"CEMOPS_ESTATE": "/lab/estate.yaml"}
    assert estate_path_from(Path("x.yaml"), named) == Path("x.yaml")
    assert estate_path_from(None, named) == Path("/lab/estate.yaml")
    assert estate_path_from(None, {"CEMOPS_ESTATE": ""}) == Path("inventory/estate.yaml")
    assert estate_path_from(None, {}) == Path("inventory/estate.yaml")


def test_paths_resolve_against_the_folder_of_the_estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/operator")
    assert resolve_path("certs/a.cer", tmp_path) == tmp_path / "certs/a.cer"
    assert resolve_path("/srv/a.cer", tmp_path) == Path("/srv/a.cer")
    assert resolve_path("~/a.cer", tmp_path) == Path("/home/operator/a.cer")
