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
from cemops.execution.gateway_state import GatewayStateError, parse_gateway_state
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


def read_record(path: Path, estate: str) -> dict[str, ObservedGateway]:
    """Read a record of ``estate``; CemopsError where it is no record, one of another version, or of another estate."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise CemopsError(f"{path} is no record of this version (schema {SCHEMA}): make one with `cemops observe`")
        if document["estate"] != estate:
            raise CemopsError(
                f"{path} records the estate {document['estate']}, not {estate}: make one with `cemops observe`"
            )
        return {
            entry["host"]: _observed(path, entry["host"], entry["lines"])
            for entry in document["hosts"]
            if "lines" in entry
        }
    except OSError as error:
        raise CemopsError(
            f"{path} cannot be read ({error.strerror}): make it with `cemops observe --out {path}`"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CemopsError(
            f"{path} is no record of observations, or a damaged one: make one with `cemops observe --out FILE`"
        ) from None


def _observed(path: Path, host: str, lines: list[str]) -> ObservedGateway:
    try:
        return parse_gateway_state(lines)
    except GatewayStateError as error:
        raise CemopsError(f"{path}: what is recorded of {host} is damaged ({error}): observe again") from None
