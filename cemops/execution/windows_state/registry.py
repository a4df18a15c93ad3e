"""Trees of the registry: values with their kinds, keys below keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cemops.execution.windows_state.reply import Fields, damaged

_MAXIMUM_DEPTH = 64
_QWORD_LIMIT = 1 << 64


@dataclass(frozen=True)
class RegistryValue:
    """One value: text, integer, bytes (``Binary``, ``None``) or texts (``MultiString``)."""

    kind: str
    data: str | int | bytes | tuple[str, ...]


@dataclass(frozen=True)
class RegistryKey:
    """One key of the registry with everything below it."""

    values: Mapping[str, RegistryValue] = field(default_factory=dict)
    keys: Mapping[str, RegistryKey] = field(default_factory=dict)

    def value(self, name: str) -> RegistryValue | None:
        """The value of that name; the registry compares names without case."""
        return next((value for key, value in self.values.items() if key.casefold() == name.casefold()), None)

    def plain(self) -> dict[str, Any]:
        """The tree as plain data, without the kinds."""
        return {
            "values": {name: value.data for name, value in self.values.items()},
            "keys": {name: key.plain() for name, key in self.keys.items()},
        }


def registry_key(tree: Fields, depth: int = 0) -> RegistryKey:
    """Read ``{"values": {name: {"kind", "data"}}, "keys": {name: tree}}``."""
    if depth > _MAXIMUM_DEPTH:
        damaged(f"{tree.place} is deeper than {_MAXIMUM_DEPTH} keys")
    values = tree.object("values")
    keys = tree.object("keys")
    return RegistryKey(
        {name: _value(values.object(name)) for name in values.names()},
        {name: registry_key(keys.object(name), depth + 1) for name in keys.names()},
    )


def _value(entry: Fields) -> RegistryValue:
    kind = entry.text("kind")
    if kind in ("String", "ExpandString"):
        return RegistryValue(kind, entry.text("data"))
    if kind == "MultiString":
        return RegistryValue(kind, entry.texts("data"))
    if kind in ("DWord", "QWord"):
        number = entry.integer("data")
        if not 0 <= number < _QWORD_LIMIT:
            damaged(f"{entry.place}.data is no unsigned integer")
        return RegistryValue(kind, number)
    if kind in ("Binary", "None"):
        return RegistryValue(kind, entry.decoded("data"))
    return damaged(f"{entry.place} has the kind {kind}, which the registry does not have")
