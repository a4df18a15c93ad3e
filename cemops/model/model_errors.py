"""Pydantic's errors in plain sentences: what is wrong and what to write instead. Values are not repeated.

A message shows what stands in the file only where a fixed list of words is possible, never in a field that
takes text of any kind: a secret may have been written there.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.model.field_texts import phrase_of
from cemops.model.schema_walk import Path, Place, branches_of, field_of, known_keys, place_of, tags_of, words_of
from cemops.model.text import shown, shown_key

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

MOST_KEYS_LISTED = 24
MOST_WORDS_OFFERED = 4
_WORDS_LENGTH = 24

_WHOLE_NUMBER = "a whole number is expected here: write it without quotes, fraction or unit, as in 60"
_SECTION = "a section is expected here: write KEY: VALUE lines below, or {KEY: VALUE}"
_LIST = "a list is expected here: write [A, B], or a line that begins with - for each entry"
_TEXT = "text is expected here: write one value, in quotes if YAML reads it as something else"
_FLAG = "a switch is expected here: write true or false, without quotes"

_FIXED: Mapping[str, str] = types.MappingProxyType(
    {
        **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE_NUMBER),
        **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), _SECTION),
        **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), _LIST),
        **dict.fromkeys(("bool_type", "bool_parsing"), _FLAG),
        "string_type": _TEXT,
        "string_pattern_mismatch": "the value holds characters that are not possible: write a plain name",
        "none_required": "no value is possible here: leave the key out",
    }
)
_BOUNDS: tuple[tuple[str, str, str], ...] = (
    ("greater_than_equal", "ge", "the number is too small: write {} or more"),
    ("greater_than", "gt", "the number is too small: write more than {}"),
    ("less_than_equal", "le", "the number is too large: write {} or less"),
    ("less_than", "lt", "the number is too large: write less than {}"),
    ("too_short", "min_length", "there are too few entries: write {} or more"),
    ("too_long", "max_length", "there are too many entries: write {} or fewer"),
    ("string_too_short", "min_length", "the text is too short: write {} characters or more"),
    ("string_too_long", "max_length", "the text is too long: write {} characters or fewer"),
)


@dataclass(frozen=True)
class ModelError:
    """One error of the model, at its place in the document. ``kind`` is pydantic's name of the error."""

    path: Path
    message: str
    kind: str
    place: Place
    """The value that the model refused: ``path``, or the section around it."""
    at_key: bool = False
    """The key is wrong, not its value."""
    meant: str | None = None
    """The key or word that was probably meant, where one is near."""


def explain(error: ValidationError, root: type[BaseModel]) -> tuple[ModelError, ...]:
    """Return every error once, at its place in the document, in plain words; ``root`` was validated."""
    found: dict[tuple[Path, str], ModelError] = {}
    for detail in error.errors(include_url=False):
        place = place_of(detail["loc"], root)
        explained = _explain_one(detail, place)
        found.setdefault((explained.path, explained.message), explained)
    return tuple(one for one in found.values() if not _follows_from_another(one, found.values()))


def _follows_from_another(one: ModelError, others: Iterable[ModelError]) -> bool:
    """Tell whether a list is too short only because entries of it were refused, which are reported themselves."""
    depth = len(one.path)
    return one.kind == "too_short" and any(
        other.path[:depth] == one.path and len(other.path) > depth for other in others
    )


def suggestion(written: str, possible: tuple[str, ...]) -> str | None:
    """Return the nearest of the possible words, None if none is near."""
    near = difflib.get_close_matches(written.lower(), possible, n=1, cutoff=0.6)
    return near[0] if near else None


def _explain_one(detail: ErrorDetails, place: Place) -> ModelError:
    kind = detail["type"]
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(detail, place)
    return ModelError(place.path, _sentence(detail), kind, place, at_key=place.at_key)


def _sentence(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", "the value does not fit"))
    if detail["input"] is None and kind in _FIXED:
        return f"there is no value: write one, or leave the key out ({_FIXED[kind].partition(':')[0]})"
    if kind in _FIXED:
        return _FIXED[kind]
    for bound, limit, sentence in _BOUNDS:
        if kind == bound:
            return sentence.format(context.get(limit)).replace(" 1 characters", " 1 character")
    return detail["msg"]


def _missing(detail: ErrorDetails, place: Place) -> ModelError:
    key = str(place.path[-1])
    return ModelError(place.path, _add(key, place.section, words_of(place.annotation)), detail["type"], place)


def _add(key: str, section: type[BaseModel] | None, words: tuple[object, ...]) -> str:
    """Say that a key is missing, and what to write: its only possible words, else what its field is."""
    if 0 < len(words) <= MOST_WORDS_OFFERED:
        return f"the key {key} is missing: add {' or '.join(f'`{key}: {word}`' for word in words)}"
    phrase = phrase_of(section, key) if section is not None else ""
    return f"the key {key} is missing: add it{f' ({phrase})' if phrase else ''}"


def _unknown_key(detail: ErrorDetails, place: Place) -> ModelError:
    key = str(place.path[-1])
    keys = known_keys(place.section) if place.section else ()
    near = suggestion(key, keys)
    if ":" in key:
        near = None
        advice = "write a space behind the colon"
    elif near is not None:
        advice = f"did you mean '{near}'?"
    elif keys and len(keys) <= MOST_KEYS_LISTED:
        advice = f"this section knows {', '.join(keys)}"
    else:
        advice = "delete it, or correct it"
    return ModelError(
        place.path, f"unknown key {shown_key(key)}: {advice}", detail["type"], place, at_key=True, meant=near
    )


def _word(detail: ErrorDetails, place: Place) -> ModelError:
    message, near = _one_of(detail["input"], detail["ctx"]["expected"])
    return ModelError(place.path, message, detail["type"], place, meant=near)


def _one_of(written: object, expected: str) -> tuple[str, str | None]:
    """Say which words are possible, and which was meant. ``expected`` is pydantic's: ``'ssh' or 'winrm'``."""
    words = expected.replace(" or ", ", ")
    possible = tuple(word.strip("'") for word in words.split(", "))
    near = suggestion(written, possible) if isinstance(written, str) and len(written) <= _WORDS_LENGTH else None
    if near is not None:
        return f"{shown(str(written))} is not possible here: did you mean '{near}'? Possible are {words}", near
    return f"this value is not possible here: write {'one of ' if len(possible) > 1 else ''}{words}", None


def _wrong_form(detail: ErrorDetails, place: Place) -> ModelError:
    context = detail["ctx"]
    key = context["discriminator"].strip("'")
    message, near = _one_of(context["tag"], context["expected_tags"])
    return ModelError((*place.path, key), message, detail["type"], place, meant=near)


def _no_form(detail: ErrorDetails, place: Place) -> ModelError:
    key = detail["ctx"]["discriminator"].strip("'")
    if not isinstance(detail["input"], Mapping):
        return ModelError(place.path, _SECTION, detail["type"], place)
    words = tuple(word for form in branches_of(place.annotation) for word in words_of(field_of(form, key)))
    return ModelError((*place.path, key), _add(key, None, words), "missing", place)


def _one_of_these(detail: ErrorDetails, place: Place) -> ModelError:
    """Explain a section of several forms of which none, or more than one, is written."""
    written, tags = detail["input"], tags_of(place.annotation)
    if not isinstance(written, Mapping):
        return ModelError(place.path, f"{_SECTION}; {detail['msg']}", detail["type"], place)
    if not any(tag in written for tag in tags):
        for key in written:
            near = suggestion(str(key), tags)
            if near is not None:
                message = f"unknown key {shown_key(str(key))}: did you mean '{near}'?"
                return ModelError((*place.path, key), message, detail["type"], place, at_key=True, meant=near)
    return ModelError(place.path, detail["msg"], detail["type"], place)


_SPECIAL: Mapping[str, Callable[[ErrorDetails, Place], ModelError]] = types.MappingProxyType(
    {
        "missing": _missing,
        "extra_forbidden": _unknown_key,
        "literal_error": _word,
        "enum": _word,
        "union_tag_invalid": _wrong_form,
        "union_tag_not_found": _no_form,
        "one_of_these": _one_of_these,
    }
)
