"""The error of this package."""

from __future__ import annotations

from cemops.errors import CemopsError


class WindowsStateError(CemopsError):
    """A Windows machine's answer is not a complete state. Nothing was changed; the sentence says the repair."""


class DamagedEntryError(CemopsError):
    """One rule or entry cannot be read; it becomes a sentence of the observation. Its message follows the name."""
