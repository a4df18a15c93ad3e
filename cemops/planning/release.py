"""Releases: complete configurations of a gateway, named by their content (DESIGN.md, "Gateway on disk").

The files of a release name their own folder, so the digest is taken of the text in which that folder is
:data:`RELEASE_FOLDER`. A folder is called ``<digest>.<n>``: n counts up where a folder of that digest no longer
holds what it should, so that a hand edit is mended by a new folder and never by overwriting a live one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cemops.model.observed import ObservedFile, ObservedGateway

RELEASE_FOLDER = "@release@"
"""Stands for the name of the release's own folder in the text of its files."""
DIGEST_LENGTH = 16
RELEASE_FILE_MODE = "444"


@dataclass(frozen=True)
class Release:
    """One release as it is to lie on the host: its folder's name and the final text of its files."""

    name: str
    files: Mapping[str, str]
    exists: bool
    """Whether an intact folder of that name is on the host already."""


def digest_of(files: Mapping[str, str]) -> str:
    """Return the digest of a release: SHA-256 over names, lengths and contents, cut to 16 hex digits."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name].encode()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:DIGEST_LENGTH]


def settle_release(files: Mapping[str, str], observed: ObservedGateway) -> Release:
    """Choose the folder for these files: the live one if it holds them, else an intact one, else a new one."""
    digest = digest_of(files)
    candidates = [name for name in observed.releases if name.rpartition(".")[0] == digest]
    ordered = sorted(candidates, key=lambda name: name != observed.current)
    for name in ordered:
        final = named(files, name)
        if is_intact(final, observed.releases[name]):
            return Release(name, final, exists=True)
    number = 1
    while f"{digest}.{number}" in (*observed.releases, observed.current):  # current may name a folder that is gone
        number += 1
    name = f"{digest}.{number}"
    return Release(name, named(files, name), exists=False)


def named(files: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the final text of a release's files: the folder's name in place of :data:`RELEASE_FOLDER`."""
    return {file: text.replace(RELEASE_FOLDER, name) for file, text in files.items()}


def is_intact(final: Mapping[str, str], found: Mapping[str, ObservedFile]) -> bool:
    """Tell whether a folder holds exactly these files, byte for byte and read-only."""
    if set(final) != set(found):
        return False
    return all(
        found[name].sha256 == hashlib.sha256(text.encode()).hexdigest() and found[name].mode == RELEASE_FILE_MODE
        for name, text in final.items()
    )


def was_edited(observed: ObservedGateway) -> bool:
    """Tell whether the live release no longer holds what its name says that cemops wrote."""
    if observed.current is None:
        return False
    files = {name: text.replace(observed.current, RELEASE_FOLDER) for name, text in observed.live_files.items()}
    return digest_of(files) != observed.current.rpartition(".")[0]


def shown(text: str | None, release: str | None) -> str | None:
    """Return a file's text for a diff: whichever release it is in, its folder reads ``current``."""
    if text is None:
        return None
    text = text.replace(f"releases/{RELEASE_FOLDER}", "current")
    return text.replace(f"releases/{release}", "current") if release else text
