"""The estate that the stock pyinfra command works on: ``CEMOPS_ESTATE``, else ``inventory/estate.yaml``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import estate_path_from, read_estate
from cemops.execution.inventory import HostEntry, inventory_groups
from cemops.execution.validation import validate_file
from cemops.rendering.findings import findings_text


def current_context() -> EstateContext:
    """Return the estate, read once a process. Raises CemopsError where it has errors."""
    return _context(estate_path_from(None, os.environ))


@cache
def _context(path: Path) -> EstateContext:
    """Read and judge the estate, as plan and apply do: one with errors is never acted on."""
    context = EstateContext.of(read_estate(path))
    validation = validate_file(path, datetime.now(UTC))
    if validation.errors:
        raise CemopsError(
            f"{path} has {validation.errors} errors, nothing was planned:\n"
            f"{findings_text(validation.findings, validation.file)}"
        )
    return context


def current_groups() -> dict[str, list[HostEntry]]:
    """Return the inventory's groups; an estate with errors ends pyinfra with a sentence, not with a traceback."""
    try:
        return dict(inventory_groups(current_context()))
    except CemopsError as error:
        raise PyinfraError(f"{error}") from None
