"""One op of the wire: the rules of its fields, and what it does upon leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cemops.lab.windows.writing_leaves import Leaves

Action = Mapping[str, Any]
"""One action of a request, checked."""


@dataclass(frozen=True)
class Operation:
    """``fields``: rules as ``check_fields`` takes them. ``run`` tells whether it changed anything; raises LeafError."""

    fields: str
    run: Callable[[Leaves, Action], bool]


def same_text(one: str, other: str) -> bool:
    """Compare texts without regard to case, as Windows compares thumbprints, stores and paths."""
    return one.lower() == other.lower()
