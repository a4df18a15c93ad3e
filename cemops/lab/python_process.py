"""Python programs of the lab: this very interpreter and package, with nothing else of the user's environment."""

from __future__ import annotations

import os
from pathlib import Path

import cemops
from cemops.lab.preconditions import SEARCH_PATH

_PYTHON_VARIABLES = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")


def import_path() -> str:
    """Return the folder that ``import cemops`` finds this package in, for PYTHONPATH of child processes."""
    return str(Path(cemops.__file__).resolve().parents[1])


def python_environment() -> dict[str, str]:
    """Return what this Python needs to start again."""
    kept = {name: os.environ[name] for name in _PYTHON_VARIABLES if name in os.environ}
    return {**kept, "PATH": SEARCH_PATH, "PYTHONPATH": import_path()}
