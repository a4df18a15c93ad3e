"""The changes that a new release makes: one for each of its files that the live one does not hold just so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cemops.model.observed import ObservedGateway
from cemops.planning.changes import KNOWN_AFTER_APPLY, Action, Change, PlanWarning, Resource, unified_diff
from cemops.planning.desired_gateway import CLIENT_CA, CLIENT_CRL, CONFIGURATION, DesiredGateway
from cemops.planning.live_configuration import taken_from_agents
from cemops.planning.release import digest_of, shown, was_edited


def release_changes(
    desired: DesiredGateway, observed: ObservedGateway, trust_warnings: Sequence[PlanWarning]
) -> Iterable[Change]:
    """Yield a change for each file of the release that the live one does not hold just so."""
    differing = [name for name in desired.files if not _same(desired, observed, name)]
    for name in differing:
        warnings = (*(trust_warnings if name == _bearer(differing) else ()), *_taken(desired, observed, name))
        yield _file_change(desired, observed, name, warnings)
    for name in sorted(set(_live_names(observed)) - set(desired.files)):
        before = shown(observed.live_files.get(name), observed.current)
        yield Change(
            desired.gateway.name,
            Resource.CRL if name == CLIENT_CRL else Resource.FILE,
            name,
            Action.DELETE,
            "it is no part of the release",
            diff=unified_diff(before, None, name) if before is not None else None,
        )
    if not differing and set(_live_names(observed)) <= set(desired.files):
        yield Change(
            desired.gateway.name,
            Resource.FILE,
            CONFIGURATION,
            Action.UPDATE,
            "the live release was touched by hand (permissions, or `current` points elsewhere)",
            before={"release": observed.current},
            after={"release": "a new folder with the same content"},
        )


def _bearer(differing: Sequence[str]) -> str:
    """Which change carries the warnings about CAs and CRLs."""
    return next((name for name in (CLIENT_CRL, CLIENT_CA) if name in differing), differing[0])


def _live_names(observed: ObservedGateway) -> Iterable[str]:
    return observed.releases.get(observed.current, {}) if observed.current else ()


def _same(desired: DesiredGateway, observed: ObservedGateway, name: str) -> bool:
    wanted = desired.files[name]
    return wanted is not None and shown(wanted, None) == shown(observed.live_files.get(name), observed.current)


def _file_change(
    desired: DesiredGateway, observed: ObservedGateway, name: str, warnings: Sequence[PlanWarning]
) -> Change:
    before = shown(observed.live_files.get(name), observed.current)
    after = shown(desired.files[name], None)
    return Change(
        desired.gateway.name,
        Resource.CRL if name == CLIENT_CRL else Resource.FILE,
        name,
        Action.CREATE if before is None else Action.UPDATE,
        f"{_file_reason(name, first=before is None)}{_by_hand(observed, name)}{_to_be_made(desired, name)}",
        before=None if before is None else {"release": observed.current},
        after=_content(name, after),
        diff=None if after is None else unified_diff(before, after, name),
        warnings=tuple(warnings),
    )


def _content(name: str, text: str | None) -> dict[str, str]:
    """What identifies a file's text; nothing does while a certificate that it names is still to be made."""
    if text is None:
        return {"content": KNOWN_AFTER_APPLY}
    return {"digest": KNOWN_AFTER_APPLY if KNOWN_AFTER_APPLY in text else digest_of({name: text})}


def _taken(desired: DesiredGateway, observed: ObservedGateway, name: str) -> Iterable[PlanWarning]:
    live, wanted = observed.live_files.get(name), desired.files[name]
    return taken_from_agents(live, wanted) if name == CONFIGURATION and live and wanted else ()


def _by_hand(observed: ObservedGateway, name: str) -> str:
    """Tell an edit on the host from a change of the estate: a release is named by what cemops wrote into it."""
    if name not in observed.live_files or not was_edited(observed):
        return ""
    return "; the live release was edited by hand since cemops wrote it"


def _to_be_made(desired: DesiredGateway, name: str) -> str:
    """Say what of PKI apply makes for this file, so that the plan hides nothing that it brings into being."""
    authorities = desired.materials.authorities
    made = {
        CLIENT_CA: [material.name for material in authorities if material.will_make_certificate],
        CLIENT_CRL: [material.name for material in authorities if material.will_make_crl],
    }.get(name, [])
    what = "the authority" if name == CLIENT_CA else "a CRL of the authority"
    return f"; apply makes {what} {', '.join(made)} (source: local)" if made else ""


def _file_reason(name: str, *, first: bool) -> str:
    what = {
        CONFIGURATION: "the configuration of httpd (IG-01, IG-02)",
        CLIENT_CA: "the CAs whose agents are let in (C-01)",
        CLIENT_CRL: "the certificates that are revoked (CE-08)",
    }.get(name, name)
    return f"the host does not have {what}" if first else f"the host has another version of {what}"
