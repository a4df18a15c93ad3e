"""One thing in an estate that does not hold together, and its place."""

from __future__ import annotations

from dataclasses import dataclass

DocumentPath = tuple[str | int, ...]
"""A place in the file, as keys and list positions: ``("gateways", 0, "listen", "port")``."""


@dataclass(frozen=True)
class ReferenceProblem:
    """One thing that does not hold together. ``fact`` is the id in DOMAIN.md that it breaks, if one does."""

    path: DocumentPath
    message: str
    fact: str | None = None
