"""The ``state`` of a machine, as the payload's ``core.ps1`` puts it together from the leaves."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from typing import Any

from cemops.lab.windows.leaves import ReadingLeaves


def read_state(leaves: ReadingLeaves, want: dict[str, Any]) -> dict[str, Any]:
    """Return everything that is always told, and what ``want`` (checked) asks for."""
    state: dict[str, Any] = {
        "schema": 1,
        "time_ms": leaves.get_time(),
        "os": leaves.get_os(),
        "user": leaves.get_user(),
        "iis": leaves.get_iis(),
        "dead_men": leaves.get_dead_men(),
        "lock": leaves.get_lock(),
    }
    if "registry" in want:
        state["registry"] = [
            {
                "path": one["path"],
                "view": one["view"],
                "tree": leaves.get_registry_tree(one["path"], one["view"]),
            }
            for one in want["registry"]
        ]
    if "stores" in want:
        found = {name: leaves.get_store(name) for name in want["stores"]}
        state["stores"] = {name: None if one is None else one["certificates"] for name, one in found.items()}
    if "files" in want:
        state["files"] = {one["path"]: leaves.get_file(one["path"], one["content"]) for one in want["files"]}
    if "folders" in want:
        state["folders"] = {
            one["path"]: leaves.get_folder(one["path"], one["content_below"], tuple(one["hash_only"]))
            for one in want["folders"]
        }
    for part, leaf in (
        ("services", leaves.get_service),
        ("accounts", leaves.get_account),
        ("names", leaves.resolve_name),
    ):
        if part in want:
            state[part] = {name: leaf(name) for name in want[part]}
    return state


def packed(state: dict[str, Any]) -> dict[str, str]:
    """Return a state as it travels."""
    return {"gzip": b64encode(gzip.compress(json.dumps(state).encode())).decode("ascii")}
