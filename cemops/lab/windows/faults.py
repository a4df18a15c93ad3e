"""Faults that a stand-in shows when told to: ``faults.json`` in its folder, read anew for each call.

Each entry is the start of a writing leaf's line (docs/windows-payload.md): what ``refuses`` names fails, what
``ignores`` names says that it is done and does nothing, what ``dies`` names ends the machine's process before
anything is done, as a power cut would; ``dies_at`` is the number of the call in its life (calls.log) at which it
ends in the same way. ``swaps`` maps a thumbprint to the one that http.sys holds after it was given
the first. ``iis_locked`` is why ``applicationHost.config`` cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cemops.errors import CemopsError

FAULTS_FILE = "faults.json"
Verdict = Literal["refuses", "ignores", "dies"]
_REPAIR = "say refuses, ignores, dies, dies_at, swaps or iis_locked"
_VERDICTS: tuple[Verdict, ...] = ("refuses", "ignores", "dies")


@dataclass(frozen=True)
class Faults:
    """What goes wrong on a machine."""

    refuses: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    dies: tuple[str, ...] = ()
    swaps: Mapping[str, str] = field(default_factory=dict)
    iis_locked: str | None = None
    dies_at: int | None = None

    def verdict(self, line: str) -> Verdict | None:
        """Return what becomes of a call; None: it is done."""
        starts = {"refuses": self.refuses, "ignores": self.ignores, "dies": self.dies}
        return next((name for name in _VERDICTS if any(line.startswith(one) for one in starts[name])), None)


def read_faults(folder: Path) -> Faults:
    """Return the faults asked for in ``folder``. Raises CemopsError if the file says something else."""
    file = folder / FAULTS_FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        locked, swaps = document.pop("iis_locked", None), dict(document.pop("swaps", {}))
        dies_at = document.pop("dies_at", None)
        lists = {name: tuple(document.pop(name, ())) for name in _VERDICTS}
    except FileNotFoundError:
        return Faults()
    except (ValueError, TypeError, AttributeError) as error:
        raise CemopsError(f"{file} does not describe faults: {_REPAIR}") from error
    if document:
        raise CemopsError(f"{file} names {', '.join(document)}, which are no faults: {_REPAIR}")
    return Faults(lists["refuses"], lists["ignores"], lists["dies"], swaps, locked, dies_at)
