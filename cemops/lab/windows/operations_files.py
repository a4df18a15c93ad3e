"""Ops on registry values, files and folders, as the payload's ``actions.ps1`` has them."""

from __future__ import annotations

import hashlib
from base64 import b64decode

from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.operation import Action, Operation
from cemops.lab.windows.writing_leaves import Leaves


def registry_set(leaves: Leaves, action: Action) -> bool:
    """``registry.set``."""
    path, name, view = action["path"], action["name"], action["view"]
    wanted = {"kind": action["kind"], "data": action["value"]}
    if leaves.get_registry_value(path, name, view) == wanted:
        return False
    leaves.set_registry_value(path, name, action["kind"], action["value"], view)
    if leaves.get_registry_value(path, name, view) != wanted:
        raise LeafError(f"value '{name}' of {path} did not keep what was written")
    return True


def registry_remove(leaves: Leaves, action: Action) -> bool:
    """``registry.remove``."""
    path, name, view = action["path"], action["name"], action["view"]
    if leaves.get_registry_value(path, name, view) is None:
        return False
    leaves.remove_registry_value(path, name, view)
    if leaves.get_registry_value(path, name, view) is not None:
        raise LeafError(f"value '{name}' of {path} is still there after its removal")
    return True


def _digest(leaves: Leaves, path: str) -> str | None:
    found = leaves.get_file(path, False)
    return None if found is None else str(found["sha256"])


def file_write(leaves: Leaves, action: Action) -> bool:
    """``file.write``."""
    path, content, wanted = action["path"], b64decode(action["content"]), action["sha256"].lower()
    if hashlib.sha256(content).hexdigest() != wanted:
        raise LeafError(f"the content for {path} does not have the SHA-256 that was sent with it")
    if _digest(leaves, path) == wanted:
        return False
    leaves.write_file(path, content, action["private"])
    if _digest(leaves, path) != wanted:
        raise LeafError(f"{path} does not hold what was written")
    return True


def file_copy(leaves: Leaves, action: Action) -> bool:
    """``file.copy``."""
    source, target = action["source"], action["target"]
    wanted = _digest(leaves, source)
    if wanted is None:
        raise LeafError(f"there is no file {source}")
    if _digest(leaves, target) == wanted:
        return False
    leaves.copy_file(source, target)
    if _digest(leaves, target) != wanted:
        raise LeafError(f"{target} does not hold what {source} holds")
    return True


def file_remove(leaves: Leaves, action: Action) -> bool:
    """``file.remove``."""
    path = action["path"]
    if _digest(leaves, path) is None:
        return False
    leaves.remove_file(path)
    if _digest(leaves, path) is not None:
        raise LeafError(f"{path} is still there after its removal")
    return True


def file_allow(leaves: Leaves, action: Action) -> bool:
    """``file.allow``."""
    path, account = action["path"], action["account"]
    if _digest(leaves, path) is None:
        raise LeafError(f"there is no file {path}")
    if leaves.test_file_reader(path, account):
        return False
    leaves.grant_file(path, account)
    if not leaves.test_file_reader(path, account):
        raise LeafError(f"{account} still cannot read {path}")
    return True


def folder_ensure(leaves: Leaves, action: Action) -> bool:
    """``folder.ensure``."""
    path = action["path"]
    if leaves.test_folder(path):
        return False
    leaves.add_folder(path, action["private"])
    if not leaves.test_folder(path):
        raise LeafError(f"folder {path} is not there after it was made")
    return True


OPERATIONS = {
    "registry.set": Operation(
        "path=text name=text view=64|32 kind=String|ExpandString|MultiString|DWord|QWord|Binary|None value=value",
        registry_set,
    ),
    "registry.remove": Operation("path=text name=text view=64|32", registry_remove),
    "file.write": Operation("path=text content=base64 sha256=text private=boolean", file_write),
    "file.copy": Operation("source=text target=text", file_copy),
    "file.remove": Operation("path=text", file_remove),
    "file.allow": Operation("path=text account=text", file_allow),
    "folder.ensure": Operation("path=text private=boolean", folder_ensure),
}
