"""What the payload takes for a request (its ``core.ps1``): everything is checked before the first leaf is called."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from cemops.lab.windows.leaf_error import LeafError

_MAX_DWORD = 4294967295
_WANT_ENTRIES = {
    "registry": "path=text view=64|32",
    "files": "path=text content=boolean",
    "folders": "path=text content_below=integer hash_only=list",
    "stores": None,
    "services": None,
    "accounts": None,
    "names": None,
}
_KIND_TYPES = {"MultiString": "list", "DWord": "integer", "QWord": "integer", "Binary": "base64", "None": "base64"}
_PROBLEMS = {
    "text": "must be a text",
    "integer": "must be an integer that is not negative",
    "boolean": "must be true or false",
    "list": "must be a list of texts",
    "base64": "must be base64",
    "local": "must be the name of a local account, without domain",
}


def _is_base64(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_local_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and not {"\\", "@"} & set(value)


_CHECKS: dict[str, Callable[[object], bool]] = {
    "text": lambda value: isinstance(value, str),
    "integer": _is_whole,
    "boolean": lambda value: isinstance(value, bool),
    "list": _is_text_list,
    "base64": _is_base64,
    "local": _is_local_name,
}


def _fits(value: object, kind: str) -> bool:
    check = _CHECKS.get(kind)
    return value in kind.split("|") if check is None else check(value)


def check_field(value: object, kind: str, where: str) -> None:
    """Check one value against a word of a rule. Raises LeafError that says where it is."""
    if not _fits(value, kind):
        raise LeafError(f"{where} {_PROBLEMS.get(kind) or 'must be one of ' + kind.replace('|', ', ')}")


def check_object(thing: object, where: str) -> None:
    """Check that something is an object of JSON."""
    if not isinstance(thing, dict):
        raise LeafError(f"{where} is no object")


def check_fields(thing: Mapping[str, Any], rules: str, where: str) -> None:
    """Check an object against rules: words ``name=type``, ``name?=type`` may be missing, ``a|b`` is a choice.

    Fields of type ``value`` are checked afterwards, by what they are. Raises LeafError.
    """
    known = set()
    for rule in rules.split():
        name, _, kind = rule.partition("=")
        field = name.removesuffix("?")
        known.add(field)
        if field in thing:
            if kind != "value":
                check_field(thing[field], kind, f"field '{field}' of {where}")
        elif field == name:
            raise LeafError(f"field '{field}' of {where} is missing")
    for name in thing:
        if name not in known:
            raise LeafError(f"{where} has an unknown field '{name}'")


def check_registry_value(action: Mapping[str, Any], where: str) -> None:
    """Check the value of ``registry.set`` against its kind."""
    check_field(action["value"], _KIND_TYPES.get(action["kind"], "text"), f"field 'value' of {where}")
    if action["kind"] == "DWord" and action["value"] > _MAX_DWORD:
        raise LeafError(f"field 'value' of {where} is too large for a DWord")


def check_actions(actions: list[Any], fields: Mapping[str, str]) -> None:
    """Check a whole list of actions; ``fields``: rules by op. Raises LeafError for the first problem."""
    ids: set[str] = set()
    for number, action in enumerate(actions, start=1):
        check_object(action, f"action {number}")
        for name in ("id", "op"):
            if name not in action:
                raise LeafError(f"field '{name}' of action {number} is missing")
            check_field(action[name], "text", f"field '{name}' of action {number}")
        if not action["id"]:
            raise LeafError(f"the id of action {number} is empty")
        if action["id"] in ids:
            raise LeafError(f"two actions have the id '{action['id']}'")
        ids.add(action["id"])
        if action["op"] not in fields:
            raise LeafError(f"unknown op '{action['op']}' in action '{action['id']}'")
        where = f"action '{action['id']}' ({action['op']})"
        check_fields(action, f"id=text op=text {fields[action['op']]}", where)
        if action["op"] == "registry.set":
            check_registry_value(action, where)


def check_want(want: object) -> None:
    """Check what a ``state`` request asks for. Raises LeafError for the first problem."""
    check_object(want, "field 'want' of the request")
    assert isinstance(want, dict)  # noqa: S101  # as just checked
    for name, entries in want.items():
        where = f"field '{name}' of want"
        if name not in _WANT_ENTRIES:
            raise LeafError(f"want has an unknown field '{name}'")
        if not isinstance(entries, list):
            raise LeafError(f"{where} must be a list")
        rules = _WANT_ENTRIES[name]
        if rules is None:
            if not _is_text_list(entries):
                raise LeafError(f"{where} must be a list of texts")
            continue
        for number, entry in enumerate(entries, start=1):
            check_object(entry, f"entry {number} of {where}")
            check_fields(entry, rules, f"entry {number} of {where}")
