"""Ops on services, accounts, the firewall, dead men and httpd, as the payload's ``actions.ps1`` has them."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.operation import Action, Operation
from cemops.lab.windows.writing_leaves import Leaves

_LISTS = ("local_ports", "remote_addresses")
_RULE_FIELDS = (
    "group",
    "display",
    "direction",
    "action",
    "protocol",
    "local_ports",
    "remote_addresses",
    "program",
    "profiles",
    "enabled",
)


def _service(leaves: Leaves, name: str) -> dict[str, Any]:
    found = leaves.get_service(name)
    if found is None:
        raise LeafError(f"there is no service '{name}'")
    return found


def service_set(leaves: Leaves, action: Action) -> bool:
    """``service.set``."""
    name, changed = action["service"], False
    start = action.get("start")
    found = _service(leaves, name)
    if start is not None and found["start"] != start:
        leaves.set_service_start(name, start)
        found = _service(leaves, name)
        if found["start"] != start:
            raise LeafError(f"service '{name}' starts {found['start']}, not {start}")
        changed = True
    if found["state"] == action["state"]:
        return changed
    if action["state"] == "Running":
        leaves.start_service(name)
    else:
        leaves.stop_service(name)
    _check_state(leaves, name, action["state"])
    return True


def _check_state(leaves: Leaves, name: str, wanted: str) -> None:
    found = _service(leaves, name)["state"]
    if found != wanted:
        raise LeafError(f"service '{name}' is {found}, not {wanted}")


def service_restart(leaves: Leaves, action: Action) -> bool:
    """``service.restart``."""
    name = action["service"]
    if _service(leaves, name)["state"] != "Stopped":
        leaves.stop_service(name)
        _check_state(leaves, name, "Stopped")
    leaves.start_service(name)
    _check_state(leaves, name, "Running")
    return True


def account_set(leaves: Leaves, action: Action) -> bool:
    """``account.set``: the password of an account that is there is never changed."""
    name, changed = action["account"], False
    if leaves.get_account(name) is None:
        leaves.add_account(name, action["password"])
        changed = True
    if not (_account(leaves, name)["locked"] and action["unlock"]):
        return changed
    leaves.unlock_account(name)
    if _account(leaves, name)["locked"]:
        raise LeafError(f"local account '{name}' is still locked")
    return True


def _account(leaves: Leaves, name: str) -> dict[str, Any]:
    found = leaves.get_account(name)
    if found is None:
        raise LeafError(f"there is no local account '{name}' after it was made")
    return found


def _difference(found: dict[str, Any], action: Action) -> str | None:
    """Return the first field in which a rule is not what was asked for; None where it is."""
    for name in _RULE_FIELDS:
        is_one, wanted = found[name], action[name]
        if name in _LISTS:
            is_one, wanted = {one.lower() for one in is_one}, {one.lower() for one in wanted}
        elif name == "program":
            is_one, wanted = is_one.lower(), wanted.lower()
        if is_one != wanted:
            return name
    return None


def firewall_set(leaves: Leaves, action: Action) -> bool:
    """``firewall.set``."""
    rule = action["rule"]
    found = leaves.get_firewall_rule(rule)
    if found is not None and _difference(found, action) is None:
        return False
    leaves.set_firewall_rule(
        rule,
        action["group"],
        action["display"],
        action["direction"],
        action["action"],
        action["protocol"],
        tuple(action["local_ports"]),
        tuple(action["remote_addresses"]),
        action["program"],
        action["profiles"],
        action["enabled"],
    )
    found = leaves.get_firewall_rule(rule)
    if found is None:
        raise LeafError(f"there is no firewall rule '{rule}' after it was written")
    difference = _difference(found, action)
    if difference is not None:
        raise LeafError(f"firewall rule '{rule}' did not keep its {difference}")
    return True


def firewall_remove(leaves: Leaves, action: Action) -> bool:
    """``firewall.remove``."""
    rule = action["rule"]
    if leaves.get_firewall_rule(rule) is None:
        return False
    leaves.remove_firewall_rule(rule)
    if leaves.get_firewall_rule(rule) is not None:
        raise LeafError(f"firewall rule '{rule}' is still there after its removal")
    return True


def firewall_enable(leaves: Leaves, action: Action) -> bool:
    """``firewall.enable``."""
    rule, enabled = action["rule"], action["enabled"]
    found = leaves.get_firewall_rule(rule)
    if found is None:
        raise LeafError(f"there is no firewall rule '{rule}'")
    if found["enabled"] == enabled:
        return False
    leaves.enable_firewall_rule(rule, enabled)
    found = leaves.get_firewall_rule(rule)
    if found is None or found["enabled"] != enabled:
        raise LeafError(f"firewall rule '{rule}' did not become enabled: {enabled}")
    return True


def _dead_man(leaves: Leaves, token: str) -> dict[str, Any] | None:
    return next((one for one in leaves.get_dead_men() if one["token"] == token), None)


def dead_man_arm(leaves: Leaves, action: Action) -> bool:
    """``deadman.arm``."""
    token = action["token"]
    known = _dead_man(leaves, token)
    if known is not None:
        if known["fired"]:
            raise LeafError(f"dead man's switch '{token}' has fired already")
        return False
    leaves.register_dead_man(token, action["seconds"], b64decode(action["script"]))
    if _dead_man(leaves, token) is None:
        raise LeafError(f"dead man's switch '{token}' is not there after it was armed")
    return True


def _existing_dead_man(leaves: Leaves, token: str) -> dict[str, Any]:
    found = _dead_man(leaves, token)
    if found is None:
        raise LeafError(f"there is no dead man's switch '{token}'")
    return found


def _remove_dead_man(leaves: Leaves, token: str) -> None:
    leaves.unregister_dead_man(token)
    if _dead_man(leaves, token) is not None:
        raise LeafError(f"dead man's switch '{token}' is still there after its removal")


def dead_man_confirm(leaves: Leaves, action: Action) -> bool:
    """``deadman.confirm``."""
    token = action["token"]
    if _existing_dead_man(leaves, token)["fired"]:
        raise LeafError(f"dead man's switch '{token}' has fired: the old state was restored")
    _remove_dead_man(leaves, token)
    return True


def dead_man_fire(leaves: Leaves, action: Action) -> bool:
    """``deadman.fire``."""
    token = action["token"]
    if not _existing_dead_man(leaves, token)["fired"]:
        leaves.start_dead_man(token)
        found = _dead_man(leaves, token)
        if found is not None and not found["fired"]:
            raise LeafError(f"dead man's switch '{token}' did not run")
    _remove_dead_man(leaves, token)
    return True


def httpd_test(leaves: Leaves, action: Action) -> bool:
    """``httpd.test``."""
    ran = leaves.invoke_httpd_test(action["program"], action["configuration"])
    if ran["code"] != 0:
        raise LeafError(f"httpd refuses {action['configuration']}: {ran['text']}")
    return False


def httpd_rehearse(leaves: Leaves, action: Action) -> bool:
    """``httpd.rehearse``."""
    ran = leaves.invoke_httpd_rehearsal(action["program"], action["configuration"], action["port"], action["seconds"])
    if ran["code"] != 0:
        raise LeafError(f"httpd does not answer with {action['configuration']}: {ran['text']}")
    return False


OPERATIONS = {
    "service.set": Operation("service=text state=Running|Stopped start?=Automatic|Manual|Disabled", service_set),
    "service.restart": Operation("service=text", service_restart),
    "account.set": Operation("account=local password=text unlock=boolean", account_set),
    "firewall.set": Operation(
        "rule=text group=text display=text direction=Inbound|Outbound action=Allow|Block protocol=TCP|UDP "
        "local_ports=list remote_addresses=list program=text profiles=Any enabled=boolean",
        firewall_set,
    ),
    "firewall.remove": Operation("rule=text", firewall_remove),
    "firewall.enable": Operation("rule=text enabled=boolean", firewall_enable),
    "deadman.arm": Operation("token=text seconds=integer script=base64", dead_man_arm),
    "deadman.confirm": Operation("token=text", dead_man_confirm),
    "deadman.fire": Operation("token=text", dead_man_fire),
    "httpd.test": Operation("program=text configuration=text", httpd_test),
    "httpd.rehearse": Operation("program=text configuration=text port=integer seconds=integer", httpd_rehearse),
}
