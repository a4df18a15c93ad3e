"""Counts in sentences: one host, two hosts."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return the number with its noun, ``many`` (default: ``one`` with an s) where the number is not 1."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
