"""File by file from what lies there to what should: with copies aside first, and the way back for the dead man.

Nothing that serves is touched by the preparation: it runs before the dead man is armed, so that his way back leads
over copies that are there. The copies are named by their content and therefore never overwritten.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cemops.model.windows_observed import ObservedFileContent, ObservedWindows
from cemops.planning.windows.plan import PayloadAction

GATEWAY_KEY = "key:gateway"
"""Material: the gateway's private key. Execution adds ``content`` and ``sha256``."""


def written(path: str, content: bytes, change: str) -> PayloadAction:
    """Return the action that writes a file which anybody may read."""
    return PayloadAction("file.write", _content(path, content), change)


def written_key(path: str, change: str) -> PayloadAction:
    """Return the action that writes the gateway's private key; execution adds the key itself."""
    return PayloadAction("file.write", {"path": path, "private": True}, change, GATEWAY_KEY)


def _content(path: str, content: bytes) -> dict[str, Any]:
    return {
        "path": path,
        "content": base64.b64encode(content).decode("ascii"),
        "sha256": hashlib.sha256(content).hexdigest(),
        "private": False,
    }


def file_at(observed: ObservedWindows, folder: str, name: str) -> ObservedFileContent | None:
    """Return a file of an observed folder, whatever the case of its name."""
    files: Mapping[str, ObservedFileContent] = observed.folders.get(folder) or {}
    return next((file for known, file in files.items() if known.casefold() == name.casefold()), None)


def holds(found: ObservedFileContent | None, content: bytes) -> bool:
    """Tell whether a file holds exactly this."""
    return found is not None and found.sha256 == hashlib.sha256(content).hexdigest()


def swept(folder: str, kept: frozenset[str], observed: ObservedWindows, change: str) -> Iterator[PayloadAction]:
    """Remove what earlier applies left in a folder of cemops's own."""
    for name in sorted(observed.folders.get(folder) or {}):
        if name not in kept:
            yield PayloadAction("file.remove", {"path": rf"{folder}\{name}"}, change)


@dataclass
class Moves:
    """What is done to the files that serve. ``before``: the folder of copies."""

    observed: ObservedWindows
    before: str
    copies: list[PayloadAction] = field(default_factory=list)
    actions: list[PayloadAction] = field(default_factory=list)
    restore: list[PayloadAction] = field(default_factory=list)

    def put(self, folder: str, name: str, content: bytes, change: str) -> None:
        """Write a file, unless it is right."""
        if holds(file_at(self.observed, folder, name), content):
            return
        self._aside(folder, name, change)
        self.actions.append(written(rf"{folder}\{name}", content, change))

    def put_key(self, folder: str, name: str, reader: str, change: str) -> None:
        """Write the private key; the account that the service runs as may read it, and nobody else new."""
        path = rf"{folder}\{name}"
        allowed = PayloadAction("file.allow", {"path": path, "account": reader}, change)
        self._aside(folder, name, change)
        self.actions += [written_key(path, change), allowed]
        if file_at(self.observed, folder, name) is not None:
            self.restore.append(allowed)

    def remove(self, folder: str, name: str, change: str) -> None:
        """Remove a file."""
        self._aside(folder, name, change)
        self.actions.append(PayloadAction("file.remove", {"path": rf"{folder}\{name}"}, change))

    @property
    def kept(self) -> frozenset[str]:
        """Names of the copies that this plan needs."""
        return frozenset(str(copy.fields["target"]).rpartition("\\")[2] for copy in self.copies)

    def _aside(self, folder: str, name: str, change: str) -> None:
        """Copy what serves aside, if there is something, and note the way back."""
        path = rf"{folder}\{name}"
        found = file_at(self.observed, folder, name)
        if found is None:
            self.restore.append(PayloadAction("file.remove", {"path": path}, change))
            return
        copy = rf"{self.before}\{found.sha256}{_ending(name)}"
        self.copies.append(PayloadAction("file.copy", {"source": path, "target": copy}, change))
        self.restore.append(PayloadAction("file.copy", {"source": copy, "target": path}, change))


def _ending(name: str) -> str:
    """Keep what tells a key from the rest: contents of keys are never read back."""
    return ".key" if name.casefold().endswith(".key") else ""
