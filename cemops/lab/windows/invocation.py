"""A request upon leaves: the stand-in's own implementation of what the payload does (docs/windows-payload.md).

It is held to the payload by the cases in ``tests/payload``: same checks, order, calls, outcomes.
"""

from __future__ import annotations

from typing import Any

from cemops.lab.windows import (
    operations_certificates,
    operations_files,
    operations_iis,
    operations_lock,
    operations_machine,
)
from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.request_checks import check_actions, check_fields, check_object, check_want
from cemops.lab.windows.state_reading import packed, read_state
from cemops.lab.windows.writing_leaves import Leaves

OPERATIONS = {
    **operations_files.OPERATIONS,
    **operations_certificates.OPERATIONS,
    **operations_iis.OPERATIONS,
    **operations_machine.OPERATIONS,
    **operations_lock.OPERATIONS,
}
FIELDS = {name: operation.fields for name, operation in OPERATIONS.items()}


def run_actions(leaves: Leaves, actions: list[Any]) -> dict[str, Any]:
    """Check all actions, run them until one fails; return what became of each. Raises LeafError for a bad list."""
    check_actions(actions, FIELDS)
    outcomes: list[dict[str, Any]] = []
    failed = False
    for action in actions:
        outcome: dict[str, Any] = {"id": action["id"], "state": "skipped"}
        if not failed:
            try:
                outcome["changed"] = OPERATIONS[action["op"]].run(leaves, action)
                outcome["state"] = "done"
            except LeafError as error:
                failed = True
                outcome["state"] = "failed"
                outcome["error"] = error.as_envelope()
        outcomes.append(outcome)
    return {"actions": outcomes, "failed": failed}


def run_request(leaves: Leaves, request: object) -> dict[str, Any]:
    """Return the data of the reply. Raises LeafError for a request that is refused as a whole."""
    check_object(request, "the request")
    assert isinstance(request, dict)  # noqa: S101  # as just checked
    verb = request.get("verb")
    needed = {"state": "want", "apply": "actions"}.get(verb) if isinstance(verb, str) else None
    if "verb" not in request:
        raise LeafError("field 'verb' of the request is missing")
    if needed is None:
        raise LeafError(f"unknown verb '{verb}'")
    if needed not in request:
        raise LeafError(f"field '{needed}' of the request is missing")
    check_fields(request, f"verb={verb} {needed}=value{' want?=value' if verb == 'apply' else ''}", "the request")
    if verb == "state":
        check_want(request["want"])
        return packed(read_state(leaves, request["want"]))
    if not isinstance(request["actions"], list):
        raise LeafError("field 'actions' of the request must be a list")
    if "want" in request:
        check_want(request["want"])
    outcome = run_actions(leaves, request["actions"])
    return outcome | {"state": packed(read_state(leaves, request["want"]))} if "want" in request else outcome
