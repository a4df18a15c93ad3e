"""The operator's folder of backups: never overwritten, private from the first byte, pruned to the newest."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cemops.errors import CemopsError, PkiError
from cemops.execution.backup_folder import KEPT_BACKUPS, BackupFolder

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def filled(folder: BackupFolder, number: int) -> list[Path]:
    return [folder.write("gw1", NOW + timedelta(hours=hour), b"x") for hour in range(number)]


def test_a_backup_is_private_and_never_overwritten(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / ".cemops" / "backups")
    file = folder.write("gw1", NOW, b"first")
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (file.parent, folder.path)} == {0o700}
    with pytest.raises(PkiError, match="never overwritten"):
        folder.write("gw1", NOW, b"second")
    assert file.read_bytes() == b"first"
    assert list(file.parent.iterdir()) == [file]


def test_the_latest_is_the_newest_by_its_name(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    files = filled(folder, 3)
    os.utime(files[0], (2**31, 2**31))
    (files[0].parent / "zzz.txt").write_text("an operator's note", "utf-8")
    assert folder.latest("gw1") == files[-1]
    with pytest.raises(CemopsError, match="no backup of gw2"):
        folder.latest("gw2")


def test_the_newest_stay_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    files = filled(folder, KEPT_BACKUPS + 3)
    note = files[0].parent / "20261122.backup"
    note.write_text("an operator's", "utf-8")
    assert folder.prune("gw1", files[-1]) == 3
    assert sorted(files[0].parent.iterdir()) == sorted([*files[3:], note])


def test_the_one_just_made_stays_though_the_clock_went_back(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    files = filled(folder, KEPT_BACKUPS)
    late = folder.write("gw1", NOW - timedelta(days=400), b"x")
    folder.prune("gw1", late)
    assert late.exists()
    assert all(file.exists() for file in files)


def test_what_a_killed_run_left_half_written_goes_once_it_is_old(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path)
    (file,) = filled(folder, 1)
    old, young = (file.parent / f".{file.name}.{token}" for token in ("0a", "0b"))
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert folder.latest("gw1") == file
    assert folder.prune("gw1", file) == 1
    assert not old.exists()
    assert young.exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("no folder", "utf-8")
    with pytest.raises(PkiError, match="cannot be written"):
        BackupFolder(tmp_path / "backups" / "of-northwind").write("gw1", NOW, b"x")
