"""Records of observations: what ``cemops observe`` writes and ``cemops plan --observed`` reads.

The record keeps the host's own lines, so that a plan from a record goes the very way that a live plan goes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cemops.errors import CemopsError
from cemops.execution.gateway_state import parse_gateway_state
from cemops.model.observed import ObservedGateway

SCHEMA = 1


def record_document(
    estate: str, taken: datetime, lines: Mapping[str, list[str]], errors: Mapping[str, str]
) -> dict[str, Any]:
    """Return the record as plain data: per host its lines, or why there are none."""
    hosts = [{"host": name, "kind": "gateway", "lines": found} for name, found in lines.items()]
    failed = [{"host": name, "kind": "gateway", "error": error} for name, error in errors.items()]
    return {
        "schema": SCHEMA,
        "estate": estate,
        "taken": taken.isoformat(timespec="seconds"),
        "hosts": [*hosts, *failed],
    }


def read_record(path: Path) -> dict[str, ObservedGateway]:
    """Read a record; CemopsError where it is no record, or one of another version."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise CemopsError(f"{path} is no record of this version (schema {SCHEMA}): make one with `cemops observe`")
        return {entry["host"]: parse_gateway_state(entry["lines"]) for entry in document["hosts"] if "lines" in entry}
    except OSError as error:
        raise CemopsError(
            f"{path} cannot be read ({error.strerror}): make it with `cemops observe --out {path}`"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CemopsError(
            f"{path} is no record of observations, or a damaged one: make one with `cemops observe --out FILE`"
        ) from None
