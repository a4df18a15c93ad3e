from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from cemops.errors import CemopsError, UsageError
from cemops.execution.new_repository import write_repository
from cemops.rendering.scaffold import NewFile

FILES = (NewFile(PurePosixPath("a/b/run.sh"), "#!/bin/sh\n"), NewFile(PurePosixPath("ü.txt"), "ü\n"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize(("mask", "program", "text"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)])
def test_files_have_the_modes_that_git_would_give_them(tmp_path: Path, mask: int, program: int, text: int) -> None:
    before = os.umask(mask)
    try:
        write_repository(tmp_path / "new" / "er", FILES)
    finally:
        os.umask(before)
    assert mode(tmp_path / "new/er/a/b/run.sh") == program
    assert mode(tmp_path / "new/er/ü.txt") == text
    assert (tmp_path / "new/er/ü.txt").read_bytes() == "ü\n".encode()


def test_an_empty_folder_and_an_empty_clone_are_as_good_as_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("clone", "empty"):
        write_repository(tmp_path / name, FILES)
        assert (tmp_path / name / "a/b/run.sh").exists()


def test_what_is_in_the_way_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "ü.txt").write_text("mine")
    for number in range(6):
        (tmp_path / f"f{number}").touch()
    before = everything(tmp_path)
    with pytest.raises(UsageError, match="holds f0, f1, f2, f3, f4 and 2 more: init writes into a new or empty"):
        write_repository(tmp_path, FILES)
    assert everything(tmp_path) == before
    assert (tmp_path / "ü.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["file", "broken link"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    place.touch() if kind == "file" else place.symlink_to("nowhere")
    with pytest.raises(UsageError, match="is no folder"):
        write_repository(place, FILES)
    assert everything(tmp_path) == {"place"}


def test_where_a_file_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    too_long = NewFile(PurePosixPath("n" * 300), "")
    with pytest.raises(CemopsError, match=r"cannot be written \(File name too long\): choose another"):
        write_repository(tmp_path / "new" / "er", (*FILES, too_long))
    assert everything(tmp_path) == set()


def test_what_somebody_else_puts_there_meanwhile_is_neither_overwritten_nor_removed(tmp_path: Path) -> None:
    folder = tmp_path / "new"

    def files() -> Iterator[NewFile]:
        yield FILES[0]
        (folder / "ü.txt").write_text("theirs")
        yield FILES[1]

    with pytest.raises(CemopsError, match="File exists"):
        write_repository(folder, files())
    assert everything(tmp_path) == {"new", "new/ü.txt"}
    assert (folder / "ü.txt").read_text() == "theirs"
