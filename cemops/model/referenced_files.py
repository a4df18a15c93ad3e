"""Every file that an estate names, with its place. Secrets (``file:`` references) are not among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.estate import Estate
    from cemops.model.reference_problem import DocumentPath

FILE_FIELDS = frozenset(
    {"certificate", "crl", "private_key_file", "known_hosts", "ca_file", "pfx", "client_certificate"}
)
"""Fields that hold the path of a file which the operator provides (``pki.folder`` is made by cemops)."""


def referenced_files(estate: Estate) -> Iterator[tuple[DocumentPath, str]]:
    """Give place and path of each file, in the order of the sections; paths are as written."""
    return _walk((), estate)


def _walk(here: DocumentPath, value: object) -> Iterator[tuple[DocumentPath, str]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _walk((*here, field.alias or name), getattr(value, name))
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _walk((*here, key), entry)
    elif isinstance(value, tuple):
        for i, entry in enumerate(value):
            yield from _walk((*here, i), entry)
    elif isinstance(value, str) and here[-1] in FILE_FIELDS:
        yield here, value
