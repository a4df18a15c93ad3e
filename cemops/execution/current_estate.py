"""The estate that the stock pyinfra command works on: ``CEMOPS_ESTATE``, else ``inventory/estate.yaml``."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError

from cemops.errors import CemopsError
from cemops.execution.estate_file import estate_path_from, read_estate
from cemops.execution.gateway_desired import EstateContext
from cemops.execution.inventory import HostEntry, inventory_groups


def current_context() -> EstateContext:
    """Return the estate, read once a process. Raises EstateError."""
    return _context(estate_path_from(None, os.environ))


@cache
def _context(path: Path) -> EstateContext:
    return EstateContext.of(read_estate(path))


def current_groups() -> dict[str, list[HostEntry]]:
    """Return the inventory's groups; an estate with errors ends pyinfra with a sentence, not with a traceback."""
    try:
        return dict(inventory_groups(current_context()))
    except CemopsError as error:
        raise PyinfraError(f"{error}") from None
