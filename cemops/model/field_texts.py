"""The texts below the fields of sections: what each field means, for ``cemops schema`` and for messages.

They are read from the source of the models themselves when somebody asks, never while an estate is sound.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import sys
from functools import cache

from pydantic import BaseModel

_ASIDES = re.compile(r" \((?:(?:[A-Z]+-[0-9]+(?:, )?)+|not used yet)\)")


@cache
def field_texts(section: type[BaseModel]) -> dict[str, str]:
    """Give the texts below the fields of a section and of those it builds on, by the fields' names in Python.

    Empty where the sources are not at hand (a frozen program).
    """
    texts: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            texts.update(_own_field_texts(base))
    return texts


def phrase_of(section: type[BaseModel], key: str) -> str:
    """Say in a few words what is written under a key: its text's first sentence, without fact ids; may be empty."""
    name = next((name for name, field in section.model_fields.items() if field.alias == key), key)
    text = _ASIDES.sub("", field_texts(section).get(name, "")).partition(". ")[0].partition("; ")[0].rstrip(".")
    # "Name in this file" in the middle of a sentence, but "TCP port" as it is.
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _own_field_texts(section: type[BaseModel]) -> dict[str, str]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[section.__module__]))
    except OSError:
        return {}
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == section.__name__)
    texts: dict[str, str] = {}
    for field, text in itertools.pairwise(body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(written))),
            ):
                texts[name] = " ".join(written.split()).replace("``", "`")
            case _:
                continue
    return texts
