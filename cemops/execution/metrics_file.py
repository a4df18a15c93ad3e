"""A file that another program reads at any time, as Prometheus' node exporter does: it is there whole, or as it was."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cemops.errors import CemopsError

MODE = 0o644
"""Another account reads it, and it holds no secret."""


def write_metrics(path: Path, text: str) -> None:
    """Write beside the place, then move into it. Raises CemopsError; the file is as before then.

    What is there and is no file (a device, a folder) is left alone: moving would put a file in its place.
    """
    if path.exists() and not path.is_file():
        raise CemopsError(f"{path} is no file, so metrics are not written there: name a file, as in cemops.prom")
    temporary: Path | None = None
    try:
        # Collectors read *.prom alone, so that they leave this one alone until it has its name.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - it is open already
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), MODE)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise CemopsError(f"{path} cannot be written ({error.strerror}): choose another place") from None
