"""What tells a change that was made to its end from one that was cut off: a value that its last action writes.

A machine that lost its power between two actions can look as if nothing were left to do (a port that was to move is
open, and so is the old one): only this mark says whether everything was made that a dead man guards.
"""

from __future__ import annotations

from typing import Any, Final

from cemops.execution.windows_state.request import RegistryTree
from cemops.model.windows_observed import ObservedWindows

COMPLETED_CHANGES: Final = RegistryTree(r"HKLM:\SOFTWARE\cemops")
"""All that stays on a machine of an apply; asked for with every observation."""
_VALUE = "CompletedChange"


def completing(identity: str, token: str) -> dict[str, Any]:
    """Return the action that notes a change as made to its end."""
    return {
        "id": identity,
        "op": "registry.set",
        "path": COMPLETED_CHANGES.path,
        "name": _VALUE,
        "view": COMPLETED_CHANGES.view,
        "kind": "String",
        "value": token,
    }


def is_completed(observed: ObservedWindows, token: str) -> bool:
    """Tell whether the change of a dead man was made to its end."""
    tree = observed.registry.get(COMPLETED_CHANGES.name)
    return tree is not None and tree["values"].get(_VALUE) == token
