"""Unpacks a backup for an operator who puts files back by hand (IG-11): keys among them, so for their owner alone."""

from __future__ import annotations

from pathlib import Path

from cemops.errors import CemopsError
from cemops.pki.folder import PkiFolder
from cemops.pki.stored_backup import StoredBackup


def unpack(backup: StoredBackup, target: Path) -> tuple[Path, ...]:
    """Write a backup's files into a new or empty folder, mode 0600; return where they lie.

    Raises CemopsError where it is not empty, cannot be written, or the backup names a file that would lie elsewhere or
    would command the terminal that it is shown on: names come from the gateway's host.
    """
    try:
        if target.exists() and any(target.iterdir()):
            raise CemopsError(f"{target} is not empty: name a new folder")
    except OSError as error:
        raise CemopsError(f"{target} cannot be read ({error.strerror}): name a new folder") from None
    files = {target.joinpath(*_parts(path, backup.source)): data for path, data in backup.unpacked().items()}
    folder = PkiFolder(target)
    for place, data in files.items():
        folder.write_once(place, data)
    return tuple(files)


def _parts(path: str, source: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") or set(part) & set("\\:\0") for part in parts):
        raise CemopsError(f"{source} names a file {path!a}, which would lie elsewhere: find out who changed its host")
    if not path.isprintable():
        raise CemopsError(f"{source} names a file {path!a}, which cannot be shown: find out who changed its host")
    return parts
