"""The drives of a stand-in: real files below its folder, found by Windows' paths without regard to case."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cemops.lab.folder import write_file
from cemops.lab.windows.leaf_error import LeafError

_PATH = re.compile(r"([A-Za-z]):((?:\\[^\\/:*?\"<>|\x00-\x1f]{1,255})*)\\?")


def _no_file(path: str) -> LeafError:
    return LeafError(f"Could not find file '{path}'.", kind="System.IO.FileNotFoundException", hresult=0x80070002)


def _no_folder(path: str) -> LeafError:
    return LeafError(
        f"Could not find a part of the path '{path}'.",
        kind="System.IO.DirectoryNotFoundException",
        hresult=0x80070003,
    )


@dataclass(frozen=True)
class Drive:
    """The files of one machine: its ``C:`` is the folder ``C`` in ``folder``."""

    folder: Path

    def place(self, path: str) -> Path:
        """Return where a Windows path lies here, whether or not anything is there.

        Raises LeafError for a path that is not absolute and plain, such as one with ``..`` or a share's.
        """
        found = _PATH.fullmatch(path.replace("/", "\\"))
        parts = [] if found is None else [part for part in found[2].split("\\") if part]
        if found is None or any(set(part) <= {".", " "} for part in parts):
            raise LeafError(
                f"The given path's format is not supported: {path!r}",
                kind="System.NotSupportedException",
                hresult=0x80131515,
            )
        place = self.folder / found[1].upper()
        for part in parts:
            place = _below(place, part)
        return place

    def is_folder(self, path: str) -> bool:
        """Tell whether there is a folder."""
        return self.place(path).is_dir()

    def read(self, path: str) -> bytes | None:
        """Return a file's content; None where there is none."""
        place = self.place(path)
        return place.read_bytes() if place.is_file() else None

    def write(self, path: str, content: bytes, *, private: bool) -> None:
        """Write a file whole or not at all. Raises LeafError if its folder is missing."""
        place = self.place(path)
        if not place.parent.is_dir():
            raise _no_folder(path)
        write_file(place, content, 0o600 if private else 0o644)

    def copy(self, source: str, target: str) -> None:
        """Copy a file."""
        content = self.read(source)
        if content is None:
            raise _no_file(source)
        private = not self.place(source).stat().st_mode & 0o077
        self.write(target, content, private=private)

    def remove(self, path: str) -> None:
        """Remove a file where it is there."""
        self.place(path).unlink(missing_ok=True)

    def make_folder(self, path: str, *, private: bool) -> None:
        """Make a folder with its parents."""
        place = self.place(path)
        if place.is_file():
            raise LeafError(
                f"Cannot create '{path}' because a file with the same name already exists.",
                kind="System.IO.IOException",
                hresult=0x800700B7,
            )
        for folder in reversed((place, *place.parents)):
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o755)  # whatever the umask: the service's account has to get to its files
        place.chmod(0o700 if private else 0o755)

    def describe(self, path: str, *, content: bool) -> dict[str, Any] | None:
        """Return ``{"sha256", "size", "content"}`` of a file; None where there is none."""
        held = self.read(path)
        return None if held is None else _description(held, content=content)

    def list_folder(self, path: str, content_below: int, hash_only: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the files and folders in a folder, one level deep; None where there is none.

        Contents are told of files smaller than ``content_below`` octets whose name fits no pattern of ``hash_only``.
        """
        place = self.place(path)
        if not place.is_dir():
            return None
        files: dict[str, Any] = {}
        folders = []
        for entry in sorted(os.scandir(place), key=lambda one: one.name):
            if entry.is_dir():
                folders.append(entry.name)
                continue
            held = Path(entry.path).read_bytes()
            hidden = any(fnmatch.fnmatchcase(entry.name.lower(), pattern.lower()) for pattern in hash_only)
            files[entry.name] = _description(held, content=len(held) < content_below and not hidden)
        return {"files": files, "folders": folders}


def _below(folder: Path, name: str) -> Path:
    exact = folder / name
    if exact.exists() or not folder.is_dir():
        return exact
    for entry in os.scandir(folder):
        if entry.name.lower() == name.lower():
            return Path(entry.path)
    return exact


def _description(held: bytes, *, content: bool) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(held).hexdigest(),
        "size": len(held),
        "content": b64encode(held).decode("ascii") if content else None,
    }
