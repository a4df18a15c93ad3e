"""Ops on sites and bindings of IIS, as the payload's ``actions.ps1`` has them. None of them touches http.sys."""

from __future__ import annotations

from typing import Any

from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.operation import Action, Operation, same_text
from cemops.lab.windows.writing_leaves import Leaves


def _site(leaves: Leaves, name: str) -> dict[str, Any] | None:
    return next((site for site in leaves.get_sites() if same_text(site["name"], name)), None)


def _existing(leaves: Leaves, name: str) -> dict[str, Any]:
    found = _site(leaves, name)
    if found is None:
        raise LeafError(f"there is no site '{name}'")
    return found


def _matching(site: dict[str, Any], action: Action) -> list[dict[str, Any]]:
    return [
        binding
        for binding in site["bindings"]
        if same_text(binding["protocol"], action["protocol"])
        and same_text(binding["information"], action["information"])
    ]


def _check_free(leaves: Leaves, action: Action) -> None:
    for site in leaves.get_sites():
        if not same_text(site["name"], action["site"]) and _matching(site, action):
            raise LeafError(f"site '{site['name']}' has the binding {action['protocol']} {action['information']}")


def _single(site: dict[str, Any], action: Action) -> dict[str, Any] | None:
    found = _matching(site, action)
    if len(found) > 1:
        raise LeafError(f"site '{site['name']}' has the binding {action['protocol']} {action['information']} twice")
    return found[0] if found else None


def _named(action: Action) -> str:
    return f"{action['protocol']} {action['information']}"


def _is_there(leaves: Leaves, action: Action) -> bool:
    found = _single(_existing(leaves, action["site"]), action)
    return found is not None and bool(found["ssl_flags"] == action["ssl_flags"])


def site_add(leaves: Leaves, action: Action) -> bool:
    """``iis.site_add``."""
    if _site(leaves, action["site"]) is not None:
        return False
    _check_free(leaves, action)
    leaves.add_site(action["site"], action["path"], action["protocol"], action["information"], action["ssl_flags"])
    if not _is_there(leaves, action):
        raise LeafError(f"site '{action['site']}' lacks its binding {_named(action)} after it was added")
    return True


def site_start(leaves: Leaves, action: Action) -> bool:
    """``iis.site_start``."""
    if _existing(leaves, action["site"])["state"] == "Started":
        return False
    leaves.start_site(action["site"])
    state = _existing(leaves, action["site"])["state"]
    if state != "Started":
        raise LeafError(f"site '{action['site']}' is {state} after its start")
    return True


def binding_add(leaves: Leaves, action: Action) -> bool:
    """``iis.binding_add``."""
    wanted = (action["site"], action["protocol"], action["information"], action["ssl_flags"])
    known = _single(_existing(leaves, action["site"]), action)
    _check_free(leaves, action)
    if known is not None and known["ssl_flags"] == action["ssl_flags"]:
        return False
    if known is None:
        leaves.add_binding(*wanted)
    else:
        leaves.set_binding_flags(*wanted)
    if not _is_there(leaves, action):
        raise LeafError(f"site '{action['site']}' does not have the binding {_named(action)} as it was written")
    return True


def binding_remove(leaves: Leaves, action: Action) -> bool:
    """``iis.binding_remove``."""
    if _single(_existing(leaves, action["site"]), action) is None:
        return False
    leaves.remove_binding(action["site"], action["protocol"], action["information"])
    if _single(_existing(leaves, action["site"]), action) is not None:
        raise LeafError(f"site '{action['site']}' still has the binding {_named(action)} after its removal")
    return True


_BINDING = "protocol=text information=text"
OPERATIONS = {
    "iis.site_add": Operation(f"site=text path=text {_BINDING} ssl_flags=integer", site_add),
    "iis.site_start": Operation("site=text", site_start),
    "iis.binding_add": Operation(f"site=text {_BINDING} ssl_flags=integer", binding_add),
    "iis.binding_remove": Operation(f"site=text {_BINDING}", binding_remove),
}
