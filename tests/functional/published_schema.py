"""What a command has just printed, held against the schema that is published for it."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from cemops.rendering.output_schemas import OutputName, output_schema


def fitting(name: OutputName, printed: str) -> Any:
    """Return the document that was printed. Raises ValidationError where it does not fit."""
    document = json.loads(printed)
    Draft202012Validator(output_schema(name)).validate(document)
    return document
