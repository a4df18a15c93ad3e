"""Baselines in ``.cemops/applied/`` beside the estate file: for one machine, without a database.

Each estate's text by its digest, and ``hosts.json``, which says for every host which of them it is.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from pathlib import Path

from cemops.errors import CemopsError
from cemops.planning.intent import Baselines
from cemops.planning.saved_plan import text_digest

_FOLDER = Path(".cemops") / "applied"
_HOSTS = "hosts.json"
_ESTATE = ".estate.json"


class BaselineFolder:
    """What is remembered beside one estate file."""

    def __init__(self, estate_folder: Path) -> None:
        self._folder = estate_folder / _FOLDER

    def read(self) -> Baselines:
        """Return what is remembered; what cannot be read is not."""
        hosts = self._hosts()
        texts = {}
        for digest in set(hosts.values()):
            try:
                text = self._file_of(digest).read_text("utf-8")
            except (OSError, ValueError):
                continue
            if text_digest(text) == digest:
                texts[digest] = text
        return Baselines(hosts, texts)

    def write(self, text: str, hosts: Iterable[str], declared: Container[str]) -> None:
        """Remember that hosts were brought to what a text declares, and only those declared. Raises CemopsError."""
        digest = text_digest(text)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(self._file_of(digest), text)
            kept = {host: known for host, known in self._hosts().items() if host in declared}
            found = {**kept, **dict.fromkeys(hosts, digest)}
            _write(self._folder / _HOSTS, json.dumps(found, indent=1, sort_keys=True) + "\n")
            wanted = {self._file_of(known) for known in found.values()}
            for file in self._folder.glob(f"*{_ESTATE}"):
                if file not in wanted:
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise CemopsError(f"{self._folder} cannot be written ({error.strerror}): make it writable") from None

    def _hosts(self) -> dict[str, str]:
        try:
            found = json.loads((self._folder / _HOSTS).read_text("utf-8"))
            return {str(host): str(digest) for host, digest in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _file_of(self, digest: str) -> Path:
        return self._folder / f"{text_name(digest)}{_ESTATE}"


def text_name(digest: str) -> str:
    """Return a file name for a digest: hex of it, whatever a damaged file says."""
    name = digest.removeprefix("sha256:")[:32]
    return name if name.isalnum() else "none"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
