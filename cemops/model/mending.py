"""Make a broken estate whole enough to be checked further, so that one run reports everything.

The result is never used as an estate: a harmless value stands in for a refused one, and what has none is left
out where the model allows it. Problems at those places are not to be believed.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge
from pydantic import BaseModel, BeforeValidator, ValidationError

from cemops.model import identity, measures, network, paths
from cemops.model.estate import Estate
from cemops.model.model_errors import explain

if TYPE_CHECKING:
    from cemops.model.model_errors import ModelError
    from cemops.model.schema_walk import Path

ROUNDS = 4

_STAND_INS: Mapping[Callable[[object], object], str] = types.MappingProxyType(
    {
        network.parse_fqdn: "stand-in-{}.invalid",
        network.parse_server_name: "stand-in-{}",
        network.parse_host_address: "stand-in-{}.invalid",
        network.parse_address: "192.0.2.1",
        network.parse_network: "192.0.2.0/24",
        network.parse_listen_address: "*",
        paths.parse_posix_path: "/stand-in",
        paths.parse_windows_path: "C:\\stand-in",
        paths.parse_remote_root: "/stand-in",
        paths.parse_estate_path: "stand-in",
        identity.parse_object_name: "stand-in-{}",
        identity.parse_display_name: "stand-in {}",
        identity.parse_site_name: "stand-in {}",
        identity.parse_common_name: "stand-in {}",
        identity.parse_computer_pattern: "stand-in-{}",
        identity.parse_account_name: "stand-in",
        identity.parse_user_name: "stand-in",
        identity.parse_thumbprint: "0" * identity.SHA1_DIGITS,
        identity.parse_host_key: "SHA256:" + "A" * 43,
        identity.parse_secret_reference: "env:STAND_IN",
        measures.parse_clock_time: "00:00",
        measures.parse_time_zone: "UTC",
        measures.parse_tls_version: "1.3",
        measures.parse_itms_version: "8.6",
    }
)


@dataclass(frozen=True)
class Mended:
    """An estate for further checks, and the places that do not say what the file says."""

    estate: Estate
    touched: tuple[Path, ...]


def mend(data: object, error: ValidationError) -> Mended | None:
    """Leave out or stand in for what the model refused; None where that leads to no estate."""
    data = copy.deepcopy(data)
    numbers = count(1)
    touched: list[Path] = []
    for _ in range(ROUNDS):
        for found in explain(error, Estate):
            touched.append(found.place.path)
            if not _mend_one(data, found, numbers):
                return None
        try:
            return Mended(Estate.model_validate(data), tuple(touched))
        except ValidationError as next_error:
            error = next_error
    return None


def _mend_one(data: object, found: ModelError, numbers: Iterator[int]) -> bool:
    """Mend one place in the data; False where there is no way."""
    if not found.place.path:
        return False
    *above, last = found.place.path
    container: Any = data
    for part in above:
        if not _has(container, part):
            return True  # left out already, with a section around it
        container = container[part]
    if found.kind == "extra_forbidden" or found.place.at_key:
        container.pop(last, None)
        return True
    value = _stand_in(found.place.annotation, numbers)
    if _may_be_left_out(found, last) and not isinstance(value, str):
        container.pop(last, None)
        return True
    if value is None:
        return False
    container[last] = value
    return True


def _has(container: object, part: str | int) -> bool:
    if isinstance(container, dict):
        return part in container
    return isinstance(container, list) and isinstance(part, int) and part < len(container)


def _may_be_left_out(found: ModelError, key: str | int) -> bool:
    section = found.place.section
    return section is not None and not any(
        field.is_required() and key in (field.alias, name) for name, field in section.model_fields.items()
    )


def _stand_in(annotation: object, numbers: Iterator[int]) -> object:
    """Return a value that the annotation accepts, None where none is known."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_value_type(arguments[0], arguments[1:], numbers)
    if origin in (Union, types.UnionType, Literal):
        return arguments[0] if origin is Literal else _stand_in(arguments[0], numbers)
    if origin in (tuple, list):
        return []
    if origin is dict:
        return {}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {
            field.alias or name: _stand_in(Annotated[field.annotation, *field.metadata, None], numbers)
            for name, field in annotation.model_fields.items()
            if field.is_required()
        }
    return {bool: False, int: 1, str: "stand-in"}.get(annotation) if isinstance(annotation, type) else None


def _of_value_type(bare: object, metadata: tuple[object, ...], numbers: Iterator[int]) -> object:
    for item in metadata:
        if isinstance(item, BeforeValidator):
            if item.func is network.parse_port:
                return network.HIGHEST_PORT - next(numbers)
            pattern = next((text for parse, text in _STAND_INS.items() if parse is item.func), None)
            return None if pattern is None else pattern.format(next(numbers))
        if isinstance(item, Ge):
            return item.ge
    return _stand_in(bare, numbers)
