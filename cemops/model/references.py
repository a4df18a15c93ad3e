"""What the sections of an estate say about each other must hold together: names, hierarchy, ports, platforms.

A pydantic model sees one section; this sees them all. Every problem is reported, none stops the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.estate import Estate

DocumentPath = tuple[str | int, ...]
"""A place in the file, as keys and list positions: ``("gateways", 0, "listen", "port")``."""


@dataclass(frozen=True)
class ReferenceProblem:
    """One thing that does not hold together. ``fact`` is the id in DOMAIN.md that it breaks, if one does."""

    path: DocumentPath
    message: str
    fact: str | None = None


def reference_problems(estate: Estate) -> tuple[ReferenceProblem, ...]:
    """Give everything that does not hold together between the sections of an estate, check after check."""
    return tuple(_all_problems(estate))


def _all_problems(estate: Estate) -> Iterator[ReferenceProblem]:
    return iter(())
