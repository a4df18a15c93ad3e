"""The backups of an estate's gateways on the operator's machine: ``.cemops/backups/<gateway>/`` beside the estate file.

A file is never overwritten, is readable by its owner alone from the first byte, and is there whole or not at all.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path

from cemops.errors import CemopsError
from cemops.pki.folder import PkiFolder

BACKUPS = Path(".cemops") / "backups"
KEPT_BACKUPS = 10
"""How many of a gateway's backups stay: the newest, counted after each apply that changed it."""
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z\.backup")
_LEFT_BEHIND = re.compile(r"\.\d{8}T\d{6}\.\d{6}Z\.backup\.[0-9a-f]+")
_LEFT_BEHIND_SECONDS = 3600.0
"""What a killed run left half written is cleared away when no run can still be writing it."""


class BackupFolder:
    """Where backups lie, a folder for each gateway."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = PkiFolder(path)

    def write(self, gateway: str, created: datetime, data: bytes) -> Path:
        """Write a new backup and return where it lies. Raises PkiError where that cannot be done."""
        path = self.path / gateway / f"{created:%Y%m%dT%H%M%S.%f}Z.backup"
        self._files.write_once(path, data)
        return path

    def latest(self, gateway: str) -> Path:
        """Return the newest backup of a gateway. Raises CemopsError where there is none."""
        found = self._backups(gateway)
        if not found:
            raise CemopsError(
                f"there is no backup of {gateway} in {self.path / gateway}: name a file with --from, or make one with "
                f"`cemops gateway backup --limit {gateway}`"
            )
        return found[-1]

    def prune(self, gateway: str, spare: Path) -> int:
        """Remove all but the newest backups of a gateway; ``spare`` stays though the clock went back. Count them."""
        surplus = [path for path in self._backups(gateway)[:-KEPT_BACKUPS] if path != spare]
        folder = self.path / gateway
        if folder.is_dir():
            surplus += [path for path in folder.iterdir() if _LEFT_BEHIND.fullmatch(path.name) and _is_old(path)]
        for path in surplus:
            self._files.remove(path)
        return len(surplus)

    def _backups(self, gateway: str) -> list[Path]:
        """Return a gateway's backups, the oldest first."""
        folder = self.path / gateway
        try:
            return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise CemopsError(f"{folder} cannot be read ({error.strerror}): give yourself the right") from None


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > _LEFT_BEHIND_SECONDS
    except OSError:
        return False
