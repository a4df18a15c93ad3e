"""The files of layout ``smp-8``, as far as they are documented: client CAs and CRLs (IG-10, CE-08).

The gateway's manager keeps its own files in the same folders, so a file for the same CA is replaced under the name that
it has, and only files that cemops itself put there are removed. Nothing can be rehearsed: the manager's settings,
the allow-list among them, are not documented (IG-15).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cemops.model.windows_observed import ObservedWindows
from cemops.planning.changes import Change
from cemops.planning.windows.gateway.desired import DesiredWindowsGateway, FoundTrust
from cemops.planning.windows.gateway.folders import Installation
from cemops.planning.windows.gateway.moves import Moves, swept
from cemops.planning.windows.gateway.trust import TrustFolder, adopted, plan_trust_folder
from cemops.planning.windows.plan import PayloadAction


@dataclass(frozen=True)
class Smp8Files:
    """The changes of files, and what makes them."""

    changes: tuple[Change, ...]
    moves: Moves
    preparation: tuple[PayloadAction, ...] = ()


def plan_files(
    desired: DesiredWindowsGateway, found: FoundTrust, place: Installation, observed: ObservedWindows
) -> Smp8Files:
    """Compare client CAs and CRLs with what they should be."""
    host = desired.gateway.name
    wanted = {one.name: one.certificate.sha256 for one in desired.materials.authorities if one.certificate is not None}
    moves = Moves(observed, place.folders.before)
    there = {
        thumbprint
        for path, thumbprint in found.authorities.items()
        if path.casefold().startswith(f"{place.client}\\".casefold())
    }
    # A CA that is there in another form (DER, with text around it) is the same CA.
    right = frozenset(authority for authority, thumbprint in wanted.items() if thumbprint in there)
    client = adopted(desired.client, place.client, found.authorities, wanted)
    crl = adopted(desired.crl, place.crl, found.crls, wanted)
    changes = (
        *plan_trust_folder(TrustFolder(host, place.client, "client", client, shared=True, right=right), moves),
        *plan_trust_folder(TrustFolder(host, place.crl, "crl", crl, shared=True), moves),
    )
    return Smp8Files(changes, moves, tuple(_preparation(place, moves, changes[0].id)) if changes else ())


def _preparation(place: Installation, moves: Moves, change: str) -> Iterator[PayloadAction]:
    """Yield what runs before anything that serves is touched: copies aside."""
    folders = place.folders
    for path in (folders.own, folders.before):
        yield PayloadAction("folder.ensure", {"path": path, "private": True}, change)
    yield from swept(folders.before, moves.kept, moves.observed, change)
    yield from moves.copies
