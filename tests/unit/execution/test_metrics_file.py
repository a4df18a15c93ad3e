"""A file that others read at any time: whole or as it was, readable by all, and never in the place of a device."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cemops.errors import CemopsError
from cemops.execution.metrics_file import write_metrics


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_the_file_is_readable_by_all_and_writable_by_its_owner(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_metrics(tmp_path / "cemops.prom", "a{} 1\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "cemops.prom").stat().st_mode) == 0o644


def test_a_reader_of_the_old_file_keeps_it_and_nothing_lies_beside(tmp_path: Path) -> None:
    path = tmp_path / "cemops.prom"
    write_metrics(path, "old 1\n")
    with path.open() as reader:
        write_metrics(path, "new 2\n")
        assert reader.read() == "old 1\n"
    assert path.read_text("utf-8") == "new 2\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["/dev/null", "."])
def test_a_device_or_a_folder_is_left_alone(place: str) -> None:
    kind = stat.S_IFMT(Path(place).stat().st_mode)
    with pytest.raises(CemopsError, match="is no file"):
        write_metrics(Path(place), "a{} 1\n")
    assert stat.S_IFMT(Path(place).stat().st_mode) == kind


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "cemops.prom"
    with pytest.raises(CemopsError, match=r"absent/cemops\.prom cannot be written"):
        write_metrics(path, "a{} 1\n")


def test_what_cannot_be_moved_into_place_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cemops.prom"
    write_metrics(path, "old 1\n")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CemopsError, match="No space left"):
        write_metrics(path, "new 2\n")
    assert (path.read_text("utf-8"), list(tmp_path.iterdir())) == ("old 1\n", [path])
