"""The JSON schemas (draft 2020-12) of what ``--format json`` prints: the contract (DESIGN.md, JSON), for programs.

They lie as files beside this module, to be read without Python, too; the tests hold real outputs against them.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Literal

OutputName = Literal["plan", "apply", "validate", "probe"]


def output_schema(name: OutputName) -> dict[str, Any]:
    """Give the JSON schema of one command's JSON as plain data, whole: with those that it refers to."""
    schema = _shipped(name)
    if name == "apply":
        # A bundle, as JSON Schema means it (2020-12, section 9.3): found by its $id, wherever it lies.
        schema["$defs"]["plan"] = _shipped("plan")
    return schema


def _shipped(name: OutputName) -> dict[str, Any]:
    file = resources.files(__package__) / "schemas" / f"{name}.schema.json"
    schema: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return schema
