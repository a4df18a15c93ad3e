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
_DEPTH_OF_NAMES = 3
STAND_IN = "cemops-stand-in"
"""In the text of every stand-in: a sentence that holds it speaks of something that the file does not say."""

_STAND_INS: Mapping[Callable[[object], object], str] = types.MappingProxyType(
    {
        network.parse_fqdn: STAND_IN + "-{}.invalid",
        network.parse_server_name: STAND_IN + "-{}",
        network.parse_host_address: STAND_IN + "-{}.invalid",
        network.parse_address: "2001:db8:ffff::{}",
        network.parse_network: "192.0.2.0/24",
        network.parse_listen_address: "*",
        paths.parse_posix_path: "/" + STAND_IN,
        paths.parse_windows_path: "C:\\" + STAND_IN,
        paths.parse_remote_root: "/" + STAND_IN,
        paths.parse_estate_path: STAND_IN,
        identity.parse_object_name: STAND_IN + "-{}",
        identity.parse_display_name: STAND_IN + " {}",
        identity.parse_site_name: STAND_IN + " {}",
        identity.parse_common_name: STAND_IN + " {}",
        identity.parse_computer_pattern: STAND_IN + "-{}",
        identity.parse_account_name: STAND_IN,
        identity.parse_user_name: STAND_IN,
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
        for found in sorted(explain(error, Estate), key=lambda one: one.meant is None):
            touched += [found.path, found.place.path]
            if found.meant and found.at_key:
                touched.append((*found.path[:-1], found.meant))
            if not _mend_one(data, found, numbers):
                return None
        try:
            return Mended(Estate.model_validate(data), tuple(touched))
        except ValidationError as next_error:
            error = next_error
    return None


def _mend_one(data: object, found: ModelError, numbers: Iterator[int]) -> bool:
    """Mend one place in the data; False where too much of what the file says would be lost."""
    path = found.path if found.meant else found.place.path
    if not path:
        return False
    *above, last = path
    container: Any = data
    for part in above:
        if not _has(container, part):
            return True  # left out already, with a section around it
        container = container[part]
    if found.kind == "missing" and _has(container, last):
        return True  # it stood under a misspelt key
    if found.meant and not found.at_key:
        container[last] = found.meant
        return True
    if found.meant or found.kind == "extra_forbidden":
        value = container.pop(last, None)
        if found.meant:
            container.setdefault(found.meant, value)
        return True
    return _replace(container, found, numbers)


def _replace(container: Any, found: ModelError, numbers: Iterator[int]) -> bool:  # noqa: ANN401 - data of a file
    last = found.place.path[-1]
    value = _stand_in(found.place.annotation, numbers)
    plain = isinstance(value, (str, int))
    if found.kind == "literal_error" or found.place.at_key or _names_others(found.place.path, plain=plain):
        return False
    if _may_be_left_out(found, last) and not isinstance(value, str):
        container.pop(last, None)
    elif value is None:
        return False
    else:
        container[last] = value
    return True


def _names_others(path: Path, *, plain: bool) -> bool:
    """Tell whether names that other sections use are lost with this place: they would all seem unknown."""
    if len(path) == _DEPTH_OF_NAMES:
        return path[-1] in ("name", "notification_server")
    return len(path) < _DEPTH_OF_NAMES and not plain


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
    return {bool: False, int: 1, str: STAND_IN}.get(annotation) if isinstance(annotation, type) else None


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
