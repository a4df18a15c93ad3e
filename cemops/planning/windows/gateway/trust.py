"""Client CAs and CRLs in the folders of the vendor's gateway: a file each, and copies named by hash (IG-10, CE-08)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cemops.model.windows_observed import ObservedFileContent
from cemops.planning.changes import KNOWN_AFTER_APPLY, Action, Change, Resource
from cemops.planning.windows.gateway.desired import TrustFile
from cemops.planning.windows.gateway.moves import Moves, file_at, holds

OWN_PREFIX = "cemops-"
"""How the names of files begin that cemops put into a folder which it shares with the gateway's manager."""
_HASH_NAME = re.compile(r"[0-9a-f]{8}\.r?[0-9]+", re.IGNORECASE)
_ENDINGS = (".cer", ".crt", ".pem", ".der", ".crl")
_MARKS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN X509 CRL-----")


@dataclass(frozen=True)
class TrustFolder:
    """One folder and what is to be in it. ``shared``: the gateway's manager puts files there, too."""

    host: str
    folder: str
    kind: Literal["client", "crl"]
    files: tuple[TrustFile, ...]
    shared: bool = False
    right: frozenset[str] = frozenset()
    """Authorities whose file is right as it is, whatever its bytes."""

    @property
    def resource(self) -> Resource:
        """What its files are in a plan."""
        return Resource.CRL if self.kind == "crl" else Resource.FILE

    @property
    def what(self) -> str:
        """What its files are for."""
        return (
            "the certificates that are revoked (CE-08)" if self.kind == "crl" else "a CA whose agents are let in (C-01)"
        )


def adopted(
    files: Sequence[TrustFile], folder: str, found: Mapping[str, str], wanted: Mapping[str, str]
) -> tuple[TrustFile, ...]:
    """Give each file the name of the one that is there for the same CA: a second one would not take its place.

    ``found``: SHA-256 of the CA by path; ``wanted``: the same by authority.
    """
    names = {
        thumbprint: path.rpartition("\\")[2]
        for path, thumbprint in found.items()
        if path.rpartition("\\")[0].casefold() == folder.casefold()
    }
    return tuple(replace(file, names=(names.get(wanted.get(file.authority, ""), file.names[0]),)) for file in files)


def plan_trust_folder(place: TrustFolder, moves: Moves) -> Iterator[Change]:
    """Yield a change for each authority whose files are not right, and for each file that must go."""
    for file in place.files:
        change = None if file.authority in place.right else _change(place, file, moves)
        if change is None:
            continue
        yield change
        for name in file.names:
            if file.text is not None:
                moves.put(place.folder, name, file.text.encode(), change.id)
    for name in _surplus(place, moves):
        change = Change(
            place.host,
            place.resource,
            _shown(place.folder, name),
            Action.DELETE,
            "the estate declares no such authority for this gateway (C-01)",
            before={"file": name},
        )
        yield change
        moves.remove(place.folder, name, change.id)


def _change(place: TrustFolder, file: TrustFile, moves: Moves) -> Change | None:
    main = file_at(moves.observed, place.folder, file.names[0])
    name = _shown(place.folder, file.names[0])
    if file.text is None:
        reason = f"{place.what}; apply makes it for the authority {file.authority} (source: local)"
        action = Action.CREATE if main is None else Action.UPDATE
        return Change(place.host, place.resource, name, action, reason, after={"content": KNOWN_AFTER_APPLY})
    content = file.text.encode()
    differing = [one for one in file.names if not holds(file_at(moves.observed, place.folder, one), content)]
    if not differing:
        return None
    return Change(
        place.host,
        place.resource,
        name,
        Action.CREATE if main is None else Action.UPDATE,
        f"the gateway {'does not have' if main is None else 'has another version of'} {place.what}",
        before=None if main is None else {"sha256": main.sha256},
        after={"files": list(differing), "authority": file.authority},
    )


def _surplus(place: TrustFolder, moves: Moves) -> Iterator[str]:
    wanted = {name.casefold() for file in place.files for name in file.names}
    files: Mapping[str, ObservedFileContent] = moves.observed.folders.get(place.folder) or {}
    for name, found in sorted(files.items()):
        if name.casefold() in wanted:
            continue
        ours = name.casefold().startswith(OWN_PREFIX)
        if ours or (not place.shared and _is_trust(name, found)):
            yield name


def _is_trust(name: str, found: ObservedFileContent) -> bool:
    """Tell whether OpenSSL or the gateway may take a file for a CA or a CRL: scripts and notes stay where they are."""
    if is_hash_name(name) or name.casefold().endswith(_ENDINGS):
        return True
    return found.content is not None and any(mark in found.content for mark in _MARKS)


def is_hash_name(name: str) -> bool:
    """Tell whether a file's name is that of a copy by which OpenSSL finds a CA or a CRL."""
    return _HASH_NAME.fullmatch(name) is not None


def _shown(folder: str, name: str) -> str:
    """Return a file's name with the last folders, which tell it from others."""
    return "\\".join([*folder.split("\\")[-2:], name])
