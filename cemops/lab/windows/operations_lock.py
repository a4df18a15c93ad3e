"""Ops on the lock for operators who share no store, as the payload's ``actions.ps1`` has them."""

from __future__ import annotations

from typing import Any

from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.operation import Action, Operation
from cemops.lab.windows.writing_leaves import Leaves

_TRIES = 10


def _holds(found: dict[str, Any], action: Action, now: int) -> bool:
    """Tell whether the lock that was found keeps out somebody with that store."""
    left: int = found["expires_ms"] - now
    return 0 < left <= 2000 * action["seconds"] and bool(found["store"] != action["store"])


def lock_take(leaves: Leaves, action: Action) -> bool:
    """``lock.take``."""
    for tried in range(_TRIES + 1):
        now = leaves.get_time()
        found = leaves.get_lock()
        if found is not None:
            if found["token"] == action["token"]:
                return tried > 0
            if _holds(found, action, now):
                raise LeafError(f"the machine is locked by {found['owner']}")
            leaves.remove_lock(found["token"])
        if tried < _TRIES:
            leaves.add_lock(action["token"], action["store"], action["owner"], now, now + 1000 * action["seconds"])
    raise LeafError("the lock is not there after it was taken")


def lock_release(leaves: Leaves, action: Action) -> bool:
    """``lock.release``: nothing where the lock is another's, or nobody's."""
    found = leaves.get_lock()
    if found is None or found["token"] != action["token"]:
        return False
    leaves.remove_lock(action["token"])
    found = leaves.get_lock()
    if found is not None and found["token"] == action["token"]:
        raise LeafError("the lock is still there after its removal")
    return True


OPERATIONS = {
    "lock.take": Operation("token=text store=text owner=text seconds=integer", lock_take),
    "lock.release": Operation("token=text", lock_release),
}
