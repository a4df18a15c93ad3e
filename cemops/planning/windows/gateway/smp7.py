"""The files of layout ``smp-7``: the vendor's folders and fixed names (IG-10), tried out before they serve.

The order: copies aside, everything new on trial beside what serves, ``httpd -t`` and a rehearsal of it; then, with the
dead man armed, the files, ``httpd -t`` on what will be started, the restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cemops.model.certificates import CertificateFacts
from cemops.model.gateways import WINDOWS_ACCOUNT
from cemops.model.windows_observed import ObservedWindows
from cemops.planning.certificate_change import certificate_data
from cemops.planning.changes import KNOWN_AFTER_APPLY, Action, Change, Resource, unified_diff
from cemops.planning.live_configuration import taken_from_agents
from cemops.planning.windows.gateway.desired import (
    CERTIFICATE,
    CONFIGURATION,
    KEY,
    TRIAL_CONFIGURATION,
    DesiredWindowsGateway,
    TrustFile,
)
from cemops.planning.windows.gateway.folders import GATEWAY_SERVICE, GatewayFolders, Installation
from cemops.planning.windows.gateway.moves import Moves, file_at, holds, swept, written, written_key
from cemops.planning.windows.gateway.trust import TrustFolder, plan_trust_folder
from cemops.planning.windows.plan import PayloadAction

REHEARSAL_SECONDS = 30


@dataclass(frozen=True)
class FilesPlan:
    """The changes of files, and what makes them."""

    changes: tuple[Change, ...]
    moves: Moves


def trial_folders(folders: GatewayFolders) -> tuple[str, str]:
    """Return where client CAs and CRLs lie while they are tried out."""
    return rf"{folders.trial}\client", rf"{folders.trial}\crl"


def plan_files(
    desired: DesiredWindowsGateway, found: Installation, observed: ObservedWindows, live: CertificateFacts | None
) -> FilesPlan:
    """Compare the gateway's files with what they should be."""
    host, folders = desired.gateway.name, found.folders
    moves = Moves(observed, folders.before)
    changes = [
        *plan_trust_folder(TrustFolder(host, found.client, "client", desired.client), moves),
        *plan_trust_folder(TrustFolder(host, found.crl, "crl", desired.crl), moves),
        *_certificate(desired, folders, moves, live),
        *_configuration(desired, folders, moves),
    ]
    return FilesPlan(tuple(changes), moves)


def live_configuration(folders: GatewayFolders, observed: ObservedWindows) -> str:
    """Return the text of the live httpd.conf, empty where there is none."""
    found = file_at(observed, folders.conf, CONFIGURATION)
    return "" if found is None or found.content is None else found.content.decode("utf-8", "replace")


def places_certificate(desired: DesiredWindowsGateway) -> bool:
    """Tell whether certificate and key are put on the gateway; else the live ones stay."""
    return desired.choice.action in ("generate", "deliver", "replace")


def _certificate(
    desired: DesiredWindowsGateway, folders: GatewayFolders, moves: Moves, live: CertificateFacts | None
) -> Iterator[Change]:
    if not places_certificate(desired):
        return
    choice = desired.choice
    change = Change(
        desired.gateway.name,
        Resource.CERTIFICATE,
        desired.gateway.fqdn,
        Action.REPLACE if choice.action == "replace" else Action.CREATE,
        "; ".join(choice.reasons),
        before=certificate_data(live),
        after=certificate_data(choice.facts) or {"sha1": KNOWN_AFTER_APPLY, "sha256": KNOWN_AFTER_APPLY},
        warnings=choice.warnings,
    )
    yield change
    if desired.certificate_pem is not None:
        moves.put(folders.apache_certs, CERTIFICATE, desired.certificate_pem.encode(), change.id)
        moves.put_key(folders.apache_certs, KEY, _reader(moves.observed), change.id)


def _reader(observed: ObservedWindows) -> str:
    """Return the account that httpd runs as, and that has to read the key (IG-07)."""
    service = observed.services.get(GATEWAY_SERVICE)
    return service.account if service is not None else WINDOWS_ACCOUNT


def _configuration(desired: DesiredWindowsGateway, folders: GatewayFolders, moves: Moves) -> Iterator[Change]:
    text = desired.configuration or ""
    found = file_at(moves.observed, folders.conf, CONFIGURATION)
    if holds(found, text.encode()):
        return
    before = live_configuration(folders, moves.observed) if found is not None else None
    change = Change(
        desired.gateway.name,
        Resource.FILE,
        rf"Apache\conf\{CONFIGURATION}",
        Action.CREATE if found is None else Action.UPDATE,
        f"the gateway {'does not have' if found is None else 'has another version of'} the configuration of httpd "
        "(IG-01, IG-02)",
        before=None if found is None else {"sha256": found.sha256},
        diff=unified_diff(before, text, CONFIGURATION),
        warnings=tuple(taken_from_agents(before, text)) if before else (),
    )
    yield change
    moves.put(folders.conf, CONFIGURATION, text.encode(), change.id)


def preparation(
    desired: DesiredWindowsGateway, found: Installation, moves: Moves, change: str
) -> tuple[PayloadAction, ...]:
    """Return what runs before anything that serves is touched: copies aside, trial, rehearsal."""
    folders = found.folders
    client, crl = trial_folders(folders)
    made = (folders.own, folders.before, folders.trial, client, crl)
    return (
        *(PayloadAction("folder.ensure", {"path": path, "private": True}, change) for path in made),
        *swept(folders.before, moves.kept, moves.observed, change),
        # A trial that failed left the key there.
        PayloadAction("file.remove", {"path": rf"{folders.trial}\{KEY}"}, change),
        *swept(client, _names(desired.client), moves.observed, change),
        *swept(crl, _names(desired.crl), moves.observed, change),
        *moves.copies,
        *_trial(desired, folders, change),
        *_tried(desired, found, change),
    )


def tested(found: Installation, change: str) -> PayloadAction:
    """Return the last test before the restart, of what httpd will be started with."""
    return _httpd_test(found, rf"{found.folders.conf}\{CONFIGURATION}", change)


def _trial(desired: DesiredWindowsGateway, folders: GatewayFolders, change: str) -> Iterator[PayloadAction]:
    client, crl = trial_folders(folders)
    for folder, files in ((client, desired.client), (crl, desired.crl)):
        for file in files:
            for name in file.names:
                yield written(rf"{folder}\{name}", (file.text or "").encode(), change)
    if places_certificate(desired):
        yield written(rf"{folders.trial}\{CERTIFICATE}", (desired.certificate_pem or "").encode(), change)
        yield written_key(rf"{folders.trial}\{KEY}", change)
    yield written(rf"{folders.trial}\{TRIAL_CONFIGURATION}", (desired.rehearsal or "").encode(), change)


def _tried(desired: DesiredWindowsGateway, found: Installation, change: str) -> Iterator[PayloadAction]:
    """Yield the trial; the key that was on trial does not stay behind."""
    configuration = rf"{found.folders.trial}\{TRIAL_CONFIGURATION}"
    yield _httpd_test(found, configuration, change)
    yield PayloadAction(
        "httpd.rehearse",
        {
            "program": found.httpd,
            "configuration": configuration,
            "port": desired.rehearsal_port,
            "seconds": REHEARSAL_SECONDS,
        },
        change,
    )
    if places_certificate(desired):
        yield PayloadAction("file.remove", {"path": rf"{found.folders.trial}\{KEY}"}, change)


def _httpd_test(found: Installation, configuration: str, change: str) -> PayloadAction:
    return PayloadAction("httpd.test", {"program": found.httpd, "configuration": configuration}, change)


def _names(files: tuple[TrustFile, ...]) -> frozenset[str]:
    return frozenset(name for file in files for name in file.names)
