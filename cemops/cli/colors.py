"""Where colours go: to a terminal, unless NO_COLOR or --no-color refuses them; stdout and stderr alike."""

from __future__ import annotations

import os
from typing import TextIO

_VARIABLE = "NO_COLOR"
"""no-color.org: set and not empty, nothing is coloured."""


def refuse_colors() -> None:
    """Colour nothing from now on: neither here nor in the commands that this one runs."""
    os.environ[_VARIABLE] = "1"


def colors_refused() -> bool:
    """Tell whether the operator wants no colours."""
    return bool(os.environ.get(_VARIABLE))


def colored(stream: TextIO) -> bool:
    """Tell whether a stream takes colours."""
    return stream.isatty() and not colors_refused()
