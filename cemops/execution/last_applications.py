"""The applications that an agent site was last seen to carry, to compare with (NS-05: shown, never invented).

They lie in ``.cemops/applications/`` beside the estate file, written when an apply has verified the server.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from cemops.model.windows_observed import IisApplication

_FOLDER = Path(".cemops") / "applications"


def last_applications(folder: Path, server: str) -> tuple[IisApplication, ...] | None:
    """Return what was last seen on a server, None where nothing (readable) is remembered."""
    try:
        found = json.loads((folder / _FOLDER / f"{server}.json").read_text("utf-8"))
        return tuple(IisApplication(str(one["path"]), str(one["pool"]), str(one["physical_path"])) for one in found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember_applications(folder: Path, server: str, applications: Sequence[IisApplication]) -> None:
    """Remember what a server carries; where that cannot be written the next plan has nothing to compare with."""
    found = [{"path": one.path, "pool": one.pool, "physical_path": one.physical_path} for one in applications]
    target = folder / _FOLDER / f"{server}.json"
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".new")
        temporary.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        temporary.replace(target)
