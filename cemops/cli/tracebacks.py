"""Tracebacks for ``--debug`` that hold no value: a foreign exception's text may quote what it refused.

pydantic's errors hold the refused input, PyYAML's a piece of the file, and somebody may have put a password there. So
only the texts of our own errors are shown, which never hold a secret; of others the class and the places in the code.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from cemops.errors import CemopsError

_LONGEST_CHAIN = 10


def traceback_text(error: BaseException) -> str:
    """Return the traceback of ``error`` and of what it was raised from; what ``from None`` hides stays hidden."""
    chain = list(_chain(error))
    return "\n".join(_one(found, caused=number > 0) for number, found in enumerate(reversed(chain)))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_LONGEST_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _one(error: BaseException, *, caused: bool) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    said = f": {error}" if isinstance(error, CemopsError) else " (its text is not shown: it may quote a secret)"
    before = "which led to:\n" if caused else ""
    places = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}Traceback (most recent call last):\n{places}{name}{said}"
