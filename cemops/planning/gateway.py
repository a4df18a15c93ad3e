"""The plan of one gateway on stock httpd: what is desired against what was observed. Pure.

Both ``cemops plan`` and the pyinfra operation call :func:`plan_gateway`; there is no second opinion. The rendered
files come in as text, with the release's folder as :data:`~cemops.planning.release.RELEASE_FOLDER`, or as None where
they are known only after apply (a certificate or CRL that is still to be made).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cemops.model.certificates import CertificateFacts
from cemops.model.observed import ObservedGateway
from cemops.planning.certificate_change import certificate_data, cut_off_by, not_proven
from cemops.planning.changes import (
    KNOWN_AFTER_APPLY,
    Action,
    Change,
    PlanWarning,
    Resource,
    unified_diff,
)
from cemops.planning.desired_gateway import CONFIGURATION, UNIT, DesiredGateway
from cemops.planning.host_fitness import Wanted, judge_host
from cemops.planning.lockout import cut_off_by_release, cut_off_by_trust
from cemops.planning.release import Release, settle_release
from cemops.planning.release_changes import release_changes
from cemops.planning.revocation import LiveTrust, judge_trust
from cemops.planning.service import Coming, ServiceStep, plan_service
from cemops.planning.unmanaged import unmanaged_of_gateway


@dataclass(frozen=True)
class GatewayPlan:
    """What is to be done on one gateway, and everything that the transaction needs to do it."""

    changes: tuple[Change, ...]
    errors: tuple[str, ...]
    warnings: tuple[PlanWarning, ...]
    cut_off: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    release: Release | None = None
    """The release that is to be live; None where its content is known only after apply."""
    switch: bool = False
    """Whether ``current`` has to move."""
    service: ServiceStep = ServiceStep.NONE
    make_account: bool = False
    place_certificate: bool = False
    place_unit: bool = False
    desired: DesiredGateway | None = field(default=None, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done (steps of an operator aside)."""
        return all(change.by_operator for change in self.changes)


def plan_gateway(desired: DesiredGateway, observed: ObservedGateway, live: LiveTrust, now: datetime) -> GatewayPlan:
    """Compare one gateway with its host; ``now`` is the operator's clock (aware, UTC)."""
    host = desired.gateway.name
    trust = judge_trust(desired.materials.authorities, live, now)
    wanted = Wanted(desired.gateway, desired.sizing, desired.hosts, desired.on_loopback)
    fitness = judge_host(wanted, observed)
    errors = [*trust.errors, *fitness.errors]
    if desired.choice.action == "refuse":
        errors += desired.choice.reasons
    release = _release(desired, observed)
    switch = release is None or release.name != observed.current
    account = _account_change(desired, observed)
    place_certificate, certificate = _certificate_change(desired, observed, live.certificate)
    unit = _unit_change(desired, observed)
    files = tuple(release_changes(desired, observed, trust.warnings)) if switch else ()
    coming = Coming(release=switch, unit=desired.unit is not None and desired.unit != observed.service.unit)
    service = plan_service(host, desired.sizing, observed, coming)
    changes = [
        change
        for change in (_pending_change(host, observed), account, certificate, *files, unit, service.change)
        if change is not None
    ]
    return GatewayPlan(
        changes=(*changes, *unmanaged_of_gateway(desired.gateway)),
        errors=tuple(errors),
        warnings=(
            *fitness.warnings,
            *(() if switch else trust.warnings),
            *_choice_warnings(desired, certificate),
            *(not_proven(desired.unproven) if switch or service.change else ()),
        ),
        cut_off=(
            *cut_off_by(host, desired.choice, live.certificate or desired.materials.certificate.recorded),
            *(_cut_off_by_switch(desired, observed, live) if switch else ()),
        ),
        release=release,
        switch=switch,
        service=service.step,
        make_account=account is not None,
        place_certificate=place_certificate,
        place_unit=unit is not None,
        desired=desired,
    )


def _cut_off_by_switch(desired: DesiredGateway, observed: ObservedGateway, live: LiveTrust) -> tuple[str, ...]:
    host = desired.gateway.name
    texts = observed.live_files.get(CONFIGURATION), desired.files[CONFIGURATION]
    return (
        *cut_off_by_release(host, *texts, desired.around),
        *cut_off_by_trust(host, desired.materials.authorities, live, desired.around),
    )


def _release(desired: DesiredGateway, observed: ObservedGateway) -> Release | None:
    known = {name: text for name, text in desired.files.items() if text is not None}
    final = len(known) == len(desired.files) and desired.certificate_stem is not None
    return settle_release(known, observed) if final else None


def _pending_change(host: str, observed: ObservedGateway) -> Change | None:
    pending = observed.pending
    if pending is None:
        return None
    return Change(
        host,
        Resource.FILE,
        "current",
        Action.UPDATE,
        f"an earlier apply switched to {pending.release} and did not confirm it: apply checks it from outside first, "
        "and confirms or reverts it",
        before={"release": pending.previous},
        after={"release": pending.release},
        warnings=(
            PlanWarning(
                "pending-switch",
                f"the dead-man timer {'reverts' if pending.timer_alive else 'was to revert'} it at "
                f"{pending.deadline:%Y-%m-%d %H:%M:%S} UTC",
            ),
        ),
        unfinished=True,
    )


def _account_change(desired: DesiredGateway, observed: ObservedGateway) -> Change | None:
    account = desired.gateway.service.account
    if account is None or observed.account_exists or observed.uid != 0:
        return None
    return Change(
        desired.gateway.name,
        Resource.ACCOUNT,
        account,
        Action.CREATE,
        "the account that httpd's children run as does not exist (IG-07)",
        after={"account": account, "shell": "/usr/sbin/nologin"},
    )


def _certificate_change(
    desired: DesiredGateway, observed: ObservedGateway, live: CertificateFacts | None
) -> tuple[bool, Change | None]:
    """Return whether certificate and key have to be put on the host, and the change that says so."""
    choice, gateway = desired.choice, desired.gateway
    stem = desired.certificate_stem
    in_place = stem is not None and {f"{stem}.crt", f"{stem}.key"} <= set(observed.tls_files)
    actions = {"generate": Action.CREATE, "deliver": Action.CREATE, "replace": Action.REPLACE}
    action = actions.get(choice.action)
    if action is None and not in_place and choice.action == "keep":
        action = Action.DELIVER
    if action is None:
        return False, None
    change = Change(
        gateway.name,
        Resource.CERTIFICATE,
        gateway.fqdn,
        action,
        "; ".join(choice.reasons) or "the live certificate lies outside the gateway's tls folder",
        before=certificate_data(live),
        after=certificate_data(choice.facts) or {"sha1": KNOWN_AFTER_APPLY, "sha256": KNOWN_AFTER_APPLY},
        warnings=choice.warnings,
    )
    # What is delivered is put there even where files of that name are: an interrupted or foreign hand may have left
    # a key that is another's.
    return choice.action != "keep" or not in_place, change


def _choice_warnings(desired: DesiredGateway, change: Change | None) -> tuple[PlanWarning, ...]:
    return desired.choice.warnings if change is None else ()


def _unit_change(desired: DesiredGateway, observed: ObservedGateway) -> Change | None:
    service = observed.service
    if desired.unit is None or (desired.unit == service.unit and service.enabled):
        return None
    if service.unit is None:
        reason = "the systemd unit is not there"
    else:
        reason = "the systemd unit is not enabled" if desired.unit == service.unit else "the systemd unit differs"
    return Change(
        desired.gateway.name,
        Resource.FILE,
        UNIT,
        Action.CREATE if service.unit is None else Action.UPDATE,
        reason,
        before=None if service.unit is None else {"enabled": service.enabled},
        after={"enabled": True},
        diff=unified_diff(service.unit, desired.unit, UNIT),
    )
