"""From pydantic's location of an error to the place in the document, by following the models' annotations.

A location holds labels of union branches between the keys of the file, and a label may equal a key: only the
models can tell them apart.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag

Path = tuple[str | int, ...]
KEY_MARKER = "[key]"
"""Pydantic's last element where the key of a mapping is wrong."""


@dataclass(frozen=True)
class Place:
    """Where an error stands: ``path`` in the document; ``annotation`` is what the value there should be."""

    path: Path
    section: type[BaseModel] | None
    """The section that holds the last key, where it is one."""
    annotation: object
    at_key: bool = False


def place_of(location: Sequence[str | int], root: type[BaseModel]) -> Place:
    """Follow a location from the root model; branch labels are consumed, keys and indexes make the path."""
    annotation: object = root
    section: type[BaseModel] | None = None
    path: list[str | int] = []
    for element in location:
        if element == KEY_MARKER:
            return Place(tuple(path), section, annotation, at_key=True)
        branches = branches_of(annotation)
        if len(branches) > 1:
            annotation = next((branch for branch in branches if _is_labelled(branch, element)), None)
            continue
        section = None
        inner = branches[0] if branches else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            section = inner
            annotation = _field_annotation(inner, element)
        else:
            annotation = _item_annotation(inner)
        path.append(element)
    return Place(tuple(path), section, annotation)


def possible_at(path: Path, root: type[BaseModel]) -> tuple[object, ...]:
    """Give what a value at a path of the document may be, in every form of the sections around it."""
    found: tuple[object, ...] = (root,)
    for part in path:
        forms = [_without_metadata(branch) for annotation in found for branch in branches_of(annotation)]
        found = tuple(inside for form in forms if (inside := _inside(form, part)) is not None)
    return found


def expects_number(path: Path, root: type[BaseModel]) -> bool:
    """Tell whether a whole number, and nothing else, is possible at a path of the document."""
    forms = [branch for annotation in possible_at(path, root) for branch in branches_of(annotation)]
    return bool(forms) and all(form is int for form in forms)


def _inside(form: object, part: str | int) -> object:
    if isinstance(form, type) and issubclass(form, BaseModel):
        return _field_annotation(form, part)
    return _item_annotation(form)


def known_keys(section: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a section as they are written in the file."""
    return tuple(field.alias or name for name, field in section.model_fields.items())


def branches_of(annotation: object) -> tuple[object, ...]:
    """Return the forms that a value can have, without None; tags are kept (``Annotated``)."""
    bare = _without_metadata(annotation)
    if get_origin(bare) not in (Union, types.UnionType):
        return () if bare is None or bare is types.NoneType else (bare,)
    found: list[object] = []
    for branch in get_args(bare):
        if _tag_of(branch) is not None:
            found.append(branch)
        else:
            found.extend(branches_of(branch))
    return tuple(found)


def tags_of(annotation: object) -> tuple[str, ...]:
    """Return the keys that tell the forms of a value apart, where they are tagged."""
    return tuple(tag for branch in branches_of(annotation) if (tag := _tag_of(branch)) is not None)


def words_of(annotation: object) -> tuple[object, ...]:
    """Return the words that alone are possible for a value, none where it is no choice of words."""
    bare = _without_metadata(annotation)
    return get_args(bare) if get_origin(bare) is Literal else ()


def field_of(form: object, key: str) -> object:
    """Return what the value of a key is in one form of a section, None where the form has no such key."""
    bare = _without_metadata(form)
    return _field_annotation(bare, key) if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _without_metadata(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _tag_of(branch: object) -> str | None:
    if get_origin(branch) is not Annotated:
        return None
    return next((item.tag for item in get_args(branch)[1:] if isinstance(item, Tag)), None)


def _is_labelled(branch: object, label: str | int) -> bool:
    tag = _tag_of(branch)
    if tag is not None:
        return tag == label
    if not (isinstance(branch, type) and issubclass(branch, BaseModel)):
        return getattr(branch, "__name__", None) == label
    return branch.__name__ == label or any(
        get_origin(field.annotation) is Literal and label in get_args(field.annotation)
        for field in branch.model_fields.values()
    )


def _field_annotation(section: type[BaseModel], key: str | int) -> object:
    for name, field in section.model_fields.items():
        if key in (field.alias, name):
            return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return None


def _item_annotation(annotation: object) -> object:
    arguments = get_args(annotation)
    if not arguments:
        return None
    return arguments[1] if issubclass(_origin(annotation), Mapping) else arguments[0]


def _origin(annotation: object) -> type[Any]:
    origin = get_origin(annotation)
    return origin if isinstance(origin, type) else object
