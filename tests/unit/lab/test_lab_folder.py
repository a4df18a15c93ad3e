"""A lab's folder is made only where a lab can live, and only a lab's folder is ever removed."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from cemops.errors import CemopsError, RefusedError
from cemops.lab import folder as lab_folder
from cemops.lab import preconditions
from cemops.lab.estate_lab import OLD_ESTATE_FILE, keep_estate, take_down
from cemops.lab.folder import (
    DEFAULT_FOLDER,
    MARKER,
    STATE,
    GatewayPlace,
    LabProcess,
    LabState,
    empty_folder,
    is_lab,
    locked,
    make_folder,
    read_state,
    resolve_folder,
    write_file,
    write_state,
)
from cemops.lab.processes import ProcessIdentity
from cemops.lab.report import lab_report

if TYPE_CHECKING:
    from pathlib import Path

STATE_OF_TWO = LabState(
    ready=True,
    processes=(LabProcess("gw1", "sshd", ("127.1.2.3:2222",), ProcessIdentity(4_000_000_000, 17)),),
    gateways=(GatewayPlace("gw1", "127.1.2.3:8443", "/nowhere/gw1/root"),),
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to make labs in; pytest's closed parents are of no interest here."""
    monkeypatch.setattr(preconditions, "_closed_parent", lambda _folder: None)
    return tmp_path


def test_a_folder_becomes_a_lab_and_goes_away(place: Path) -> None:
    folder = make_folder(place / "a" / "lab")
    assert is_lab(folder)
    assert take_down(folder)
    assert not folder.exists()
    assert not take_down(folder)


def test_an_empty_folder_is_taken(place: Path) -> None:
    (place / "lab").mkdir()
    assert is_lab(make_folder(place / "lab"))


def test_a_folder_with_something_else_in_it_is_refused_and_kept(place: Path) -> None:
    (place / "lab").mkdir()
    (place / "lab" / "thesis.txt").touch()
    with pytest.raises(CemopsError, match="not empty and no lab"):
        make_folder(place / "lab")
    with pytest.raises(CemopsError, match="nothing was ended or removed"):
        take_down(place / "lab")
    assert [entry.name for entry in (place / "lab").iterdir()] == ["thesis.txt"]


def test_a_file_in_the_way_is_an_error_with_its_name(place: Path) -> None:
    (place / "lab").touch()
    with pytest.raises(CemopsError, match=r"/lab cannot be made"):
        make_folder(place / "lab")


def test_a_lab_of_somebody_else_is_no_lab(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(place / "lab")
    write_state(folder, STATE_OF_TWO)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(CemopsError, match="no lab of this user"):
        take_down(folder)
    with pytest.raises(CemopsError, match="made by another user"):
        make_folder(folder)
    assert (folder / STATE).exists()


@pytest.mark.parametrize("name", ["with space", "per%cent", "quo'te", "new\nline", "dollar$", "ünicode"])
def test_names_that_configuration_files_cannot_carry_are_refused(place: Path, name: str) -> None:
    with pytest.raises(CemopsError, match="choose another one with --dir"):
        make_folder(place / name)
    assert list(place.iterdir()) == []


def test_root_is_told_where_its_gateways_cannot_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o700)
    with pytest.raises(CemopsError, match=r"may not enter .*--dir /var/tmp/"):
        make_folder(tmp_path / "lab")


def test_the_default_folder_moves_to_where_the_gateways_can_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, opened = tmp_path / "closed", tmp_path / "open"
    closed.mkdir()
    monkeypatch.chdir(closed)
    monkeypatch.setattr(lab_folder, "fallback_folder", lambda wanted: None if opened == wanted else opened)
    monkeypatch.setattr(preconditions, "_closed_parent", lambda _folder: None)
    assert make_folder(DEFAULT_FOLDER) == opened
    assert (closed / DEFAULT_FOLDER).readlink() == opened
    assert resolve_folder(DEFAULT_FOLDER) == opened
    assert make_folder(DEFAULT_FOLDER) == opened
    assert take_down(DEFAULT_FOLDER)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["closed"]


def test_fallback_folders_of_two_checkouts_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o700)
    one = preconditions.fallback_folder(tmp_path / "one/.lab")
    two = preconditions.fallback_folder(tmp_path / "two/.lab")
    assert one is not None
    assert one != two
    assert one == preconditions.fallback_folder(tmp_path / "one/.lab")


def test_state_comes_back_as_it_was_written(place: Path) -> None:
    folder = make_folder(place / "lab")
    assert read_state(folder) is None
    write_state(folder, STATE_OF_TWO)
    assert read_state(folder) == STATE_OF_TWO
    assert not STATE_OF_TWO.running


def test_state_of_another_boot_names_nobody(place: Path) -> None:
    folder = make_folder(place / "lab")
    write_state(folder, STATE_OF_TWO)
    document = json.loads((folder / STATE).read_text(encoding="utf-8"))
    (folder / STATE).write_text(json.dumps({**document, "boot": "another"}), encoding="utf-8")
    assert read_state(folder) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}'])
def test_a_broken_record_is_an_error_in_status_and_no_hindrance_to_down(place: Path, text: str) -> None:
    folder = make_folder(place / "lab")
    (folder / STATE).write_text(text, encoding="utf-8")
    with pytest.raises(CemopsError, match=r"state.json cannot be read: `cemops lab down"):
        lab_report(folder)
    assert take_down(folder)


def test_only_one_command_works_on_a_lab_at_a_time(place: Path) -> None:
    folder = make_folder(place / "lab")
    with locked(folder), pytest.raises(RefusedError, match="wait until it is done"), locked(folder):
        pytest.fail("the lock was given twice")
    with locked(folder):
        assert is_lab(folder)


def test_files_have_their_mode_from_the_start_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_file(tmp_path / "secret", "s", 0o600)
        os.umask(0o077)
        write_file(tmp_path / "public", b"p", 0o644)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == 0o644
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["public", "secret"]


def test_status_tells_that_there_is_no_lab_and_how_to_get_one(place: Path) -> None:
    report = lab_report(place / "lab")
    assert report.as_json() == {"schema": 1, "folder": str(place / "lab"), "state": "none", "processes": []}
    assert report.as_text() == f"no lab in {place / 'lab'}: `cemops lab up` starts one"


def test_status_shows_what_ended(place: Path) -> None:
    folder = make_folder(place / "lab")
    write_state(folder, STATE_OF_TWO)
    report = lab_report(folder)
    assert report.condition == "stopped"
    assert report.as_text().splitlines() == [
        f"lab in {folder}: stopped",
        "  gw1    sshd        127.1.2.3:2222         not running",
        "  gw1    httpd       127.1.2.3:8443         not running (the first apply starts it)",
    ]


def test_status_says_no_more_that_an_apply_starts_httpd_once_there_was_one(place: Path) -> None:
    folder = make_folder(place / "lab")
    root = folder / "hosts/gw1/root"
    root.mkdir(parents=True)
    (root / "current").symlink_to("releases/abc.1")
    gateway = GatewayPlace("gw1", "127.1.2.3:8443", str(root))
    write_state(folder, LabState(ready=True, gateways=(gateway,)))
    report = lab_report(folder)
    assert report.as_text().splitlines()[1:] == ["  gw1    httpd       127.1.2.3:8443         not running"]
    assert [set(one) for one in report.as_json()["processes"]] == [{"host", "role", "addresses", "pid", "alive"}]


def test_an_estate_that_somebody_may_have_edited_is_kept_when_a_lab_is_built_anew(place: Path) -> None:
    folder = make_folder(place / "lab")
    (folder / "estate.yaml").write_text("edited: true\n")
    write_state(folder, STATE_OF_TWO)
    said: list[str] = []
    keep_estate(folder, read_state(folder), said.append)
    empty_folder(folder, spare=(OLD_ESTATE_FILE,))
    assert (folder / "estate.yaml.old").read_text() == "edited: true\n"
    assert not (folder / "estate.yaml").exists()
    assert len(said) == 1
    assert "is built anew" in said[0]
    assert str(folder / "estate.yaml.old") in said[0]
    # Killed before it was ready, nobody has worked with it: the estate kept before stays the kept one.
    (folder / "estate.yaml").write_text("new: true\n")
    keep_estate(folder, LabState(ready=False), said.append)
    assert (folder / "estate.yaml.old").read_text() == "edited: true\n"
    assert len(said) == 1
    assert take_down(folder)
    assert not folder.exists()


def test_a_lab_that_was_never_there_has_no_estate_to_keep(place: Path) -> None:
    said: list[str] = []
    keep_estate(make_folder(place / "lab"), None, said.append)
    assert said == []


def test_the_marker_outlives_everything_else(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(place / "lab")
    (folder / "hosts").mkdir()
    monkeypatch.setattr(lab_folder, "_remove_tree", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        take_down(folder)
    assert (folder / MARKER).exists()
    monkeypatch.undo()
    assert take_down(folder)


def _interrupted(_path: Path) -> None:
    raise KeyboardInterrupt
