"""The reply as plain data, read field by field: each value has the type that the wire promises, or an error names it.

A field that is missing or of another type means a damaged or foreign answer, never an empty machine: a plan made from
nothing would rebuild a healthy server.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

from cemops.execution.windows_state.errors import WindowsStateError

MAX_STATE_BYTES = 64 * 1024 * 1024
"""Unpacked. A server with 1,091 firewall rules and 500 certificates answers with about 2 MB."""
_GZIP = 16 + zlib.MAX_WBITS


def damaged(what: str) -> NoReturn:
    """Raise WindowsStateError for a reply that breaks the wire's rules."""
    raise WindowsStateError(
        f"the machine's answer is damaged, or from another version of cemops ({what}): observe again; "
        "nothing was changed"
    )


def unpacked(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the state as plain data; packed (``{"gzip": base64}``) or not. WindowsStateError where it is cut."""
    packed = data.get("gzip")
    if packed is None:
        return data
    unpacker = zlib.decompressobj(_GZIP)
    try:
        text = unpacker.decompress(_base64(packed, "gzip"), MAX_STATE_BYTES)
    except zlib.error:
        damaged("its compressed state cannot be unpacked")
    if unpacker.unconsumed_tail:
        damaged(f"its state is larger than {MAX_STATE_BYTES} bytes")
    if not unpacker.eof:
        damaged("its compressed state is cut off")
    try:
        state = json.loads(text)
    except (ValueError, RecursionError):
        damaged("its state is not JSON")
    if not isinstance(state, dict):
        damaged("its state is not an object")
    return state


class Fields:
    """One object of the reply; ``place`` is where it stands, for errors."""

    def __init__(self, data: object, place: str = "state") -> None:
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            damaged(f"{place} is not an object")
        self._data: Mapping[str, Any] = data
        self.place = place

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def value(self, name: str) -> Any:  # noqa: ANN401 - what came from outside has any type
        """The value as it came; an error where the field is missing."""
        if name not in self._data:
            damaged(f"{self.place} has no {name}")
        return self._data[name]

    def text(self, name: str) -> str:
        """A text; an error for anything else."""
        value = self.value(name)
        if not isinstance(value, str):
            damaged(f"{self.place}.{name} is not a text")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text or null."""
        return None if self.value(name) is None else self.text(name)

    def integer(self, name: str) -> int:
        """An integer; booleans and fractions are errors."""
        value = self.value(name)
        if not isinstance(value, int) or isinstance(value, bool):
            damaged(f"{self.place}.{name} is not an integer")
        return value

    def flag(self, name: str) -> bool:
        """A boolean."""
        value = self.value(name)
        if not isinstance(value, bool):
            damaged(f"{self.place}.{name} is neither true nor false")
        return value

    def decoded(self, name: str) -> bytes:
        """Bytes, sent as base64."""
        return _base64(self.value(name), f"{self.place}.{name}")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            damaged(f"{self.place}.{name} is not a list of texts")
        return values

    def items(self, name: str) -> tuple[Any, ...]:
        """A list of anything."""
        value = self.value(name)
        if not isinstance(value, list):
            damaged(f"{self.place}.{name} is not a list")
        return tuple(value)

    def object(self, name: str) -> Fields:
        """An object."""
        return Fields(self.value(name), f"{self.place}.{name}")

    def object_or_none(self, name: str) -> Fields | None:
        """An object or null."""
        return None if self.value(name) is None else self.object(name)

    def objects(self, name: str) -> tuple[Fields, ...]:
        """A list of objects."""
        return tuple(Fields(item, f"{self.place}.{name}[{index}]") for index, item in enumerate(self.items(name)))

    def entries(self, name: str) -> tuple[tuple[str, Fields | None], ...]:
        """The objects (or nulls) of an object, by name; none where the field is missing: it was not asked for."""
        if name not in self._data:
            return ()
        inner = self.object(name)
        return tuple((key, inner.object_or_none(key)) for key in inner.names())

    def names(self) -> tuple[str, ...]:
        """The names of the fields, as they came."""
        return tuple(self._data)


def _base64(value: object, place: str) -> bytes:
    if not isinstance(value, str):
        damaged(f"{place} is not a text")
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        damaged(f"{place} is not base64")
