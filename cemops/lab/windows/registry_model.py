r"""The registry of a stand-in: keys with values, found without regard to case, as Windows does.

Only ``HKLM:`` is known. A 32-bit program sees ``HKLM:\SOFTWARE`` below ``WOW6432Node``; nothing else is redirected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cemops.lab.windows.leaf_error import LeafError

if TYPE_CHECKING:
    from collections.abc import Mapping

VIEWS = ("64", "32")
RegistryData = str | int | list[str]
"""The data of a value as on the wire: text, number, list of texts, base64 for octets."""

_PATH = re.compile(r"HKLM:((?:\\[^\\/\x00-\x1f]{1,255})+)")
_REDIRECTED = "software"
_REDIRECTION = "WOW6432Node"


def key_parts(path: str, view: str) -> tuple[str, ...]:
    """Return the names of the keys down to ``path`` as a program of that view sees it.

    Raises LeafError for a path of a shape, or a view, that the stand-in does not know.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise LeafError(f"the stand-in knows registry paths like HKLM:\\SOFTWARE\\Name, not {path!r}")
    if view not in VIEWS:
        raise LeafError(f"the registry has the views 64 and 32, not {view!r}")
    parts = tuple(found[1][1:].split("\\"))
    redirected = view == "32" and parts[0].lower() == _REDIRECTED
    if redirected and (len(parts) == 1 or parts[1].lower() != _REDIRECTION.lower()):
        return (parts[0], _REDIRECTION, *parts[1:])
    return parts


def _find(names: Mapping[str, object], wanted: str) -> str | None:
    return next((name for name in names if name.lower() == wanted.lower()), None)


@dataclass
class RegistryKey:
    """One key. ``values``: name -> ``{"kind", "data"}`` as on the wire (binary data as base64)."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, RegistryKey] = field(default_factory=dict)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> RegistryKey:
        """Return the key that a tree of the wire describes."""
        return cls(
            values={name: {"kind": value["kind"], "data": value["data"]} for name, value in tree["values"].items()},
            keys={name: cls.from_tree(child) for name, child in tree["keys"].items()},
        )

    def as_tree(self) -> dict[str, Any]:
        """Return the key and everything below it as a tree of the wire."""
        return {
            "values": {name: dict(value) for name, value in self.values.items()},
            "keys": {name: key.as_tree() for name, key in self.keys.items()},
        }

    def child(self, name: str) -> RegistryKey | None:
        """Return the key of that name, whatever its case."""
        found = _find(self.keys, name)
        return None if found is None else self.keys[found]

    def value(self, name: str) -> dict[str, Any] | None:
        """Return the value of that name, whatever its case."""
        found = _find(self.values, name)
        return None if found is None else dict(self.values[found])

    def set_value(self, name: str, kind: str, data: RegistryData) -> None:
        """Set a value; one that is there keeps the case of its name."""
        self.values[_find(self.values, name) or name] = {"kind": kind, "data": data}

    def remove_value(self, name: str) -> None:
        """Remove a value where it is there."""
        found = _find(self.values, name)
        if found is not None:
            del self.values[found]

    def remove_child(self, name: str) -> None:
        """Remove a key with everything below it, where it is there."""
        found = _find(self.keys, name)
        if found is not None:
            del self.keys[found]


@dataclass
class Registry:
    """HKEY_LOCAL_MACHINE."""

    root: RegistryKey = field(default_factory=RegistryKey)

    def key(self, path: str, view: str = "64") -> RegistryKey | None:
        """Return the key at ``path``; None where it is not there."""
        found: RegistryKey | None = self.root
        for part in key_parts(path, view):
            found = None if found is None else found.child(part)
        return found

    def make_key(self, path: str, view: str = "64") -> RegistryKey:
        """Return the key at ``path``, made with its parents where it is not there."""
        key = self.root
        for part in key_parts(path, view):
            key = key.child(part) or key.keys.setdefault(part, RegistryKey())
        return key
