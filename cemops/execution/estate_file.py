"""The estate file on disk: which one, and what it declares. The only place that opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cemops.errors import CemopsError, EstateError, Problem
from cemops.model.document import Document, load_estate_text
from cemops.model.estate import Estate

ESTATE_VARIABLE = "CEMOPS_ESTATE"
DEFAULT_ESTATE = Path("inventory/estate.yaml")


@dataclass(frozen=True)
class LoadedEstate:
    """An estate that is consistent in itself, and where it came from."""

    estate: Estate
    document: Document
    path: Path
    """The file, absolute."""
    folder: Path
    """Its folder, absolute: the paths in the estate resolve against it."""


def estate_path_from(option: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the estate file to use: the option, else ``CEMOPS_ESTATE``, else ``inventory/estate.yaml``."""
    if option is not None:
        return option
    named = environ.get(ESTATE_VARIABLE, "")
    return Path(named) if named else DEFAULT_ESTATE


def read_estate(path: Path) -> LoadedEstate:
    """Read the estate file at ``path``; messages name it as it was given.

    Raises EstateError with every problem: the file cannot be read, or what it declares does not hold.
    """
    loaded = load_estate_text(_read_text(path), str(path))
    absolute = path.absolute()
    return LoadedEstate(loaded.estate, loaded.document, absolute, absolute.parent)


def resolve_path(written: str, folder: Path) -> Path:
    """Return where a path of the estate points: from ``~/``, absolute, or relative to the estate's folder.

    Raises CemopsError where there is no home folder for ``~/``.
    """
    try:
        return folder / Path(written).expanduser()
    except RuntimeError:
        raise CemopsError(f"{written}: there is no home folder for ~/: set HOME, or write the full path") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise _unreadable(
            path, f"there is no such estate file: give another with --estate or {ESTATE_VARIABLE}"
        ) from None
    except IsADirectoryError:
        raise _unreadable(
            path, f"this is a folder: name the file in it, such as {path / DEFAULT_ESTATE.name}"
        ) from None
    except UnicodeDecodeError as error:
        line, column = _position(error)
        message = "the file is not UTF-8 text here: save it as UTF-8"
        raise EstateError((Problem("", message, str(path), line, column),)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name cannot be a path"
        raise _unreadable(path, f"the file cannot be read ({reason}): check its path and permissions") from None


def _unreadable(path: Path, message: str) -> EstateError:
    return EstateError((Problem("", message, str(path)),))


def _position(error: UnicodeDecodeError) -> tuple[int, int]:
    before = error.object[: error.start]
    last_line = before[before.rfind(b"\n") + 1 :]
    return before.count(b"\n") + 1, len(last_line.decode("utf-8", "replace")) + 1
