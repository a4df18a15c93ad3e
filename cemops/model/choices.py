"""Sections of which one of several forms is written, told apart by the key that only that form has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def one_key_of(*keys: str) -> Callable[[Any], str | None]:
    """Give a discriminator: it answers the one key of ``keys`` that a value has, None for none or several.

    It is asked with plain data while a file is read, and with a model while one is written out again.
    """

    def discriminate(value: Any) -> str | None:  # noqa: ANN401 - pydantic hands over whatever the file holds
        if isinstance(value, Mapping):
            found = [key for key in keys if key in value]
        else:
            found = [key for key in keys if hasattr(value, key)]
        return found[0] if len(found) == 1 else None

    return discriminate
