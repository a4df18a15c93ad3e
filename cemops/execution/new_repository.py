"""A new estate repository on disk: into a new or empty folder, all of it or nothing, and never over anything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cemops.errors import CemopsError, UsageError
from cemops.rendering.scaffold import NewFile

_EMPTY_REPOSITORY = {".git"}
"""A clone of a repository without a commit is as good as an empty folder."""
_NAMED = 5
_FILE_MODE = 0o666
_PROGRAM_MODE = 0o777
"""Less the umask, as with any file that git checks out."""


def write_repository(folder: Path, files: Iterable[NewFile]) -> None:
    """Write the files of a new repository below ``folder``, which is made if it is missing.

    Raises UsageError where something is in the way, CemopsError where a file cannot be written; nothing is left then.
    """
    made: list[Path] = []
    try:
        _refuse_what_is_there(folder)
        _make_folder(folder, made)
        for file in files:
            path = folder / file.path
            _make_folder(path.parent, made)
            _write(path, file, made)
    except BaseException as error:
        _take_back(made)
        if isinstance(error, OSError):
            where = error.filename or folder
            raise CemopsError(
                f"{where} cannot be written ({error.strerror}): choose another folder, or give yourself the right"
            ) from None
        raise


def _refuse_what_is_there(folder: Path) -> None:
    if folder.is_dir():
        found = sorted(entry.name for entry in folder.iterdir() if entry.name not in _EMPTY_REPOSITORY)
        if found:
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise UsageError(
                f"{folder} holds {', '.join(found[:_NAMED])}{more}: init writes into a new or empty folder only"
            )
    elif folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is no folder: init writes into a new or empty folder only")


def _make_folder(folder: Path, made: list[Path]) -> None:
    for missing in reversed([part for part in (folder, *folder.parents) if not part.exists()]):
        missing.mkdir()
        made.append(missing)


def _write(path: Path, file: NewFile, made: list[Path]) -> None:
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PROGRAM_MODE if file.executable else _FILE_MODE
    )
    made.append(path)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
        opened.write(file.text)


def _take_back(made: list[Path]) -> None:
    """Remove what this run has made, the last first; a folder that somebody else has put something into stays."""
    for path in reversed(made):
        with suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
