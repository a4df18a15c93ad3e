"""Paths: on managed machines, where templates and shells meet them, and beside the estate file.

Paths on managed machines are made of a list of harmless characters: nothing in them ends a quoted string of
Apache, a single-quoted shell word or a value of a systemd unit, or is expanded there.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from cemops.model.text import require_text, require_trimmed, require_visible, shown

LONGEST_POSIX_PATH = 1024
LONGEST_WINDOWS_PATH = 200
"""Windows ends at 259 characters (MAX_PATH); the rest is for what is placed below the folder."""
LONGEST_PART = 255

_POSIX_PART = re.compile(r"[A-Za-z0-9._+@=,:-]+", re.ASCII)
_WINDOWS_EXTRA = frozenset(" ._()+@=,~-")
_ESTATE_REFUSED = frozenset("\"'\\$`%<>|*?{}[]")
_DRIVE = re.compile(r"[A-Za-z]:", re.ASCII)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)


def parse_posix_path(value: object) -> str:
    """Return an absolute POSIX path below ``/``, without a slash at its end. Raises ValueError."""
    path = require_text(value, "/etc/cemops-gateway")
    require_visible(require_trimmed(path, LONGEST_POSIX_PATH))
    if not path.startswith("/"):
        raise ValueError(f"{shown(path)} is not absolute: write the path from / on")
    parts = path.removesuffix("/").split("/")[1:]
    if not parts:
        raise ValueError("/ is the whole machine: write a folder below it")
    for part in parts:
        _refuse_dots(path, part)
        if not _POSIX_PART.fullmatch(part):
            bad = next(character for character in part if not _POSIX_PART.fullmatch(character))
            raise ValueError(
                f"{shown(path)} holds {shown(bad)}: only ASCII letters, digits and . _ - + @ = , : are"
                " safe in every file that names it"
            )
    return "/" + "/".join(parts)


def parse_windows_path(value: object) -> str:
    r"""Return an absolute Windows path (``C:\folder``): drive letter upper case, no backslash at its end.

    Raises ValueError. Device names (CON, NUL, COM1…), streams, parts that end with a dot or a space: no.
    """
    path = require_text(value, r"C:\cemops")
    require_visible(require_trimmed(path, LONGEST_WINDOWS_PATH))
    if "/" in path:
        raise ValueError(f"{shown(path)} mixes in /: write a Windows path with backslashes, in single quotes")
    drive, *parts = path.removesuffix("\\").split("\\")
    if not _DRIVE.fullmatch(drive):
        raise ValueError(f"{shown(path)} has no drive letter: write the path from the drive on, such as 'C:\\cemops'")
    if not parts:
        raise ValueError(f"{shown(path)} is a whole drive: write a folder below it")
    for part in parts:
        _check_windows_part(path, part)
    return "\\".join([drive.upper(), *parts])


def _check_windows_part(path: str, part: str) -> None:
    _refuse_dots(path, part)
    if _DEVICE.fullmatch(part.split(".", maxsplit=1)[0].rstrip()):
        raise ValueError(f"{shown(path)} names the Windows device {shown(part)}: choose another folder name")
    if part != part.strip() or part.endswith("."):
        raise ValueError(
            f"{shown(path)} has the part {shown(part)}: Windows drops spaces and dots at its ends, so leave them out"
        )
    for character in part:
        if not (character.isalnum() or character in _WINDOWS_EXTRA):
            raise ValueError(
                f"{shown(path)} holds {shown(character)}: only letters, digits, spaces and . _ - + @ = , ~"
                " ( ) are possible"
            )


def _refuse_dots(path: str, part: str) -> None:
    if part == "":
        raise ValueError(f"{shown(path)} has an empty part: write one separator between two parts")
    if part in (".", ".."):
        raise ValueError(f"{shown(path)} holds {shown(part)}: write the path without it")
    if len(part) > LONGEST_PART:
        raise ValueError(f"{shown(path)} has a part of {len(part)} characters: at most {LONGEST_PART} are possible")


def parse_remote_root(value: object) -> str:
    """Return a POSIX or a Windows folder, whichever it looks like. Raises ValueError."""
    text = require_text(value, "/etc/cemops-gateway")
    return parse_windows_path(text) if "\\" in text or _DRIVE.match(text) else parse_posix_path(text)


def parse_estate_path(value: object) -> str:
    """Return the path of a file beside the estate file: relative to its folder, absolute, or from ``~/``.

    Raises ValueError. The file is not opened and need not exist.
    """
    path = require_text(value, "certs/ns1-root.cer")
    require_visible(require_trimmed(path, LONGEST_POSIX_PATH))
    if "\\" in path:
        raise ValueError(f"{shown(path)} holds a backslash: write / between the folders")
    for character in path:
        if character in _ESTATE_REFUSED:
            raise ValueError(f"{shown(path)} holds {shown(character)}: rename the file or folder without it")
    rest = path.removeprefix("~/")
    if rest.startswith("~"):
        raise ValueError(f"{shown(path)} names another user's home: write the full path, or ~/ for your own")
    parts = rest.removeprefix("/").removesuffix("/").split("/")
    for part in parts:
        _refuse_dots(path, part)
    return path.removesuffix("/")


PosixPath = Annotated[str, BeforeValidator(parse_posix_path)]
"""Absolute POSIX path."""
WindowsPath = Annotated[str, BeforeValidator(parse_windows_path)]
r"""Windows path, such as C:\cemops."""
RemoteRoot = Annotated[str, BeforeValidator(parse_remote_root)]
"""Folder on the machine, POSIX or Windows."""
EstatePath = Annotated[str, BeforeValidator(parse_estate_path)]
"""File or folder: relative to the estate file, absolute, or from ~/."""
