"""Which estate each host was last brought to, so that drift can be told from intention.

Below ``.cemops/applied/`` beside the estate file: each estate's text by its digest, and ``hosts.json``, which says for
every host which of them it is. Nothing of it is needed to plan or apply.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.model.document import load_estate_text
from cemops.model.estate import Estate
from cemops.planning.saved_plan import estate_digest

_FOLDER = Path(".cemops") / "applied"
_HOSTS = "hosts.json"


class AppliedEstates:
    """What is remembered beside one estate file."""

    def __init__(self, context: EstateContext) -> None:
        self._context = context
        self._folder = context.folder / _FOLDER
        self._digests: dict[str, str] = self._read()
        self._contexts: dict[str, EstateContext | None] = {}

    def context_of(self, host: str) -> EstateContext | None:
        """Return the estate that a host was last brought to; None where none is remembered."""
        digest = self._digests.get(host)
        if digest is None:
            return None
        if digest not in self._contexts:
            self._contexts[digest] = self._load(digest)
        return self._contexts[digest]

    def remember(self, hosts: Iterable[str]) -> None:
        """Remember that these hosts are as the estate declares them now; where that fails nothing is remembered."""
        digest = estate_digest(self._context.estate)
        named = {host: digest for host in hosts if self._digests.get(host) != digest}
        if not named:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(self._folder / _file_of(digest), self._context.loaded.path.read_text("utf-8"))
            self._digests = {**self._read(), **named}
            _write(self._folder / _HOSTS, json.dumps(self._digests, indent=1, sort_keys=True) + "\n")
            self._prune()

    def _prune(self) -> None:
        wanted = {_file_of(digest) for digest in self._digests.values()}
        for file in self._folder.glob("*.yaml"):
            if file.name not in wanted:
                file.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads((self._folder / _HOSTS).read_text("utf-8"))
            return {str(host): str(digest) for host, digest in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _load(self, digest: str) -> EstateContext | None:
        try:
            loaded = load_estate_text(
                (self._folder / _file_of(digest)).read_text("utf-8"), "the estate of the last apply"
            )
        except (OSError, UnicodeDecodeError, CemopsError):
            return None  # written by another version, or gone: nothing to compare with
        return self._with(loaded.estate)

    def _with(self, estate: Estate) -> EstateContext:
        return replace(self._context, loaded=replace(self._context.loaded, estate=estate))


def _file_of(digest: str) -> str:
    return f"{digest.removeprefix('sha256:')[:32]}.yaml"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
