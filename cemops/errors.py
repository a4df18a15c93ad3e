"""The errors of cemops: typed, carrying data, each with the repair and the exit code of the contract.

Exit codes (DESIGN.md, Commands): 1 failed, 3 refused by a guard, 64 wrong usage. A foreign exception is
translated to one of these where it enters (SSH, TLS, YAML, X.509): no caller needs to know the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

ProblemKind = Literal["text", "model", "reference"]
"""Where a problem of the estate file shows: in its text (YAML), in one field, or between sections."""


class CemopsError(Exception):
    """Something failed. ``message`` is one sentence that says what is wrong and what to do."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Problem:
    """One thing wrong in the estate file.

    ``path`` is the place in the document (``gateways[0].listen.port``); ``line`` and ``column`` count from 1
    and are 0 where the place has no mark; ``fact`` is the id in DOMAIN.md that the value breaks, if one does.
    """

    path: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    fact: str | None = None
    kind: ProblemKind = "text"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class EstateError(CemopsError):
    """The estate file does not describe an estate: every problem found in it, together."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class SecretError(CemopsError):
    """A secret reference cannot be resolved. Names the reference, never the value."""


class PkiError(CemopsError):
    """A certificate, key, PFX or CRL cannot be read, made or used."""


class HostError(CemopsError):
    """One host could not be observed or changed; the others are not touched by it."""

    def __init__(self, host: str, message: str, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.host = host
        self.unreachable = unreachable


class LeftAloneError(HostError):
    """A machine was not begun, because what came before it stopped the rollout: nothing is wrong with it."""


class StoppedError(CemopsError):
    """Somebody asked a command to stop, and it did, in order (130, as shells have it)."""

    exit_code = 130


class UsageError(CemopsError):
    """The command was called wrongly (64)."""

    exit_code = 64


class RefusedError(CemopsError):
    """A guard refused: outside the change window, lockout guard (3)."""

    exit_code = 3


class StoreError(CemopsError):
    """The store cannot be opened, read or written. Names the store, never the password in its URL."""


def what_may_be_said(error: Exception) -> str:
    """Return what may be shown of an error: of a foreign one its type and place, since its text may hold anything."""
    if isinstance(error, CemopsError):
        return str(error)
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" at {PurePath(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last is not None else ""
    return f"an error inside cemops ({type(error).__name__}{place}): report it"
