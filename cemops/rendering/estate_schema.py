"""The JSON schema of the estate file (draft 2020-12), for editors: every field with what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cemops.model.estate import Estate
from cemops.model.field_texts import field_texts
from cemops.model.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DESCRIPTION = "An estate of Cloud-enabled Management: everything that one estate file declares."


def estate_schema() -> dict[str, Any]:
    """Give the JSON schema of the estate file as plain data."""
    schema = Estate.model_json_schema()
    sections = {section.__name__: section for section in _sections(Section)}
    definitions = schema.get("$defs", {})
    for name, definition in definitions.items():
        if name in sections:
            _describe(definition, sections[name])
    _describe(schema, Estate)
    return {"$schema": DIALECT, **schema, "title": "cemops estate", "description": DESCRIPTION}


def _sections(parent: type[Section]) -> Iterator[type[Section]]:
    for section in parent.__subclasses__():
        yield section
        yield from _sections(section)


def _describe(definition: dict[str, Any], section: type[Section]) -> None:
    """Put the text below each field of a section into its schema; it says more than that of the field's type."""
    texts = field_texts(section)
    aliases = {field.alias: name for name, field in section.model_fields.items() if field.alias}
    for key, field in definition.get("properties", {}).items():
        text = texts.get(aliases.get(key, key))
        if text is not None:
            field["description"] = text
