"""Records of observations: what ``cemops observe`` writes and ``cemops plan --observed`` reads.

The record keeps the host's own answer, so that a plan from a record goes the very way that a live plan goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cemops.errors import CemopsError
from cemops.execution.machine_kind import MachineKind
from cemops.execution.machine_kinds import kinds_of
from cemops.model.estate import Estate

SCHEMA = 2


def record_document(
    estate: Estate, taken: datetime, found: Mapping[str, Any], errors: Mapping[str, str]
) -> dict[str, Any]:
    """Return the record as plain data: per host what it answered, or why there is nothing."""
    kinds = kinds_of(estate)
    hosts = [{"host": name, "kind": kinds[name].record_kind, "answer": answer} for name, answer in found.items()]
    failed = [{"host": name, "kind": kinds[name].record_kind, "error": error} for name, error in errors.items()]
    return {
        "schema": SCHEMA,
        "estate": estate.estate,
        "taken": taken.isoformat(timespec="seconds"),
        "hosts": [*hosts, *failed],
    }


def read_record(path: Path, estate: Estate) -> dict[str, Any]:
    """Read a record of ``estate``: by host, what its kind makes of the answer.

    CemopsError where it is no record, one of another version, or of another estate.
    """
    kinds = kinds_of(estate)
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise CemopsError(f"{path} is no record of this version (schema {SCHEMA}): make one with `cemops observe`")
        if document["estate"] != estate.estate:
            raise CemopsError(
                f"{path} records the estate {document['estate']}, not {estate.estate}: make one with `cemops observe`"
            )
        return {
            entry["host"]: _observed(path, entry["host"], kinds[entry["host"]], entry["answer"])
            for entry in document["hosts"]
            if "answer" in entry and entry["host"] in kinds and kinds[entry["host"]].record_kind == entry["kind"]
        }
    except OSError as error:
        raise CemopsError(
            f"{path} cannot be read ({error.strerror}): make it with `cemops observe --out {path}`"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CemopsError(
            f"{path} is no record of observations, or a damaged one: make one with `cemops observe --out FILE`"
        ) from None


def _observed(path: Path, host: str, kind: MachineKind, answer: Any) -> Any:  # noqa: ANN401 - each kind's own data
    try:
        return kind.from_record(answer)
    except CemopsError as error:
        raise CemopsError(f"{path}: what is recorded of {host} is damaged ({error}): observe again") from None
