"""The plan of one Windows gateway: what is desired against what was observed. Pure.

What is judged (trust, names, the certificate that agents pin) is judged by the same engine as for gateways on stock
httpd. With errors there are no actions; while PKI has something to make first, there are none either: apply makes it
and plans again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from cemops.model.windows_observed import ObservedWindows, WindowsService
from cemops.planning.certificate_change import cut_off_by, not_proven
from cemops.planning.changes import Change, PlanWarning
from cemops.planning.lockout import cut_off_by_release, cut_off_by_trust
from cemops.planning.name_resolution import NameJudgement, is_listed, judge_name
from cemops.planning.revocation import judge_trust
from cemops.planning.windows.gateway import smp7
from cemops.planning.windows.gateway.desired import DesiredWindowsGateway, FoundTrust
from cemops.planning.windows.gateway.folders import GATEWAY_SERVICE, Installation, installation
from cemops.planning.windows.gateway.operator_steps import (
    account_step,
    certificate_step,
    manager_steps,
    worksheet,
)
from cemops.planning.windows.gateway.service import plan_gateway_service
from cemops.planning.windows.gateway.smp8 import plan_files as plan_smp8_files
from cemops.planning.windows.plan import PayloadAction, WindowsPlan


def plan_windows_gateway(
    desired: DesiredWindowsGateway, found: FoundTrust, observed: ObservedWindows, now: datetime
) -> WindowsPlan:
    """Compare one gateway with its machine; ``now`` is the operator's clock (aware, UTC)."""
    gateway = desired.gateway
    place = installation(gateway, observed)
    service = observed.services.get(GATEWAY_SERVICE)
    if place.problems or service is None:
        return WindowsPlan(changes=tuple(manager_steps(gateway)), errors=place.problems)
    trust = judge_trust(desired.materials.authorities, found.live, now)
    names = tuple(_names(desired, place, observed))
    errors = [*trust.errors, *(judged.error for judged in names if judged.error)]
    if desired.choice.action == "refuse":
        errors += desired.choice.reasons
    plan = (_smp7 if gateway.layout == "smp-7" else _smp8)(desired, found, place, observed, service)
    if any(not change.by_operator for change in plan.changes):
        plan = replace(plan, cut_off=(*plan.cut_off, *_cut_off(desired, found, place, observed)))
    shown = {warning for change in plan.changes for warning in change.warnings}
    warnings: tuple[PlanWarning, ...] = (
        *_trust_warnings(desired, found, trust.warnings),
        *(judged.warning for judged in names if judged.warning),
        *(warning for warning in desired.choice.warnings if warning not in shown),
        *(not_proven(desired.unproven) if any(not change.by_operator for change in plan.changes) else ()),
    )
    plan = replace(
        plan,
        changes=(*plan.changes, *account_step(gateway, service), *manager_steps(gateway)),
        errors=tuple(errors),
        warnings=warnings,
    )
    return replace(plan, preparation=(), actions=(), restore=()) if errors or not desired.known else plan


def _cut_off(
    desired: DesiredWindowsGateway, found: FoundTrust, place: Installation, observed: ObservedWindows
) -> Iterator[str]:
    """Yield who loses the gateway, or what is behind it, besides those who pin its certificate."""
    host = desired.gateway.name
    yield from cut_off_by_trust(host, desired.materials.authorities, found.live, desired.around)
    if desired.gateway.layout == "smp-7":
        live = smp7.live_configuration(place.folders, observed)
        yield from cut_off_by_release(host, live or None, desired.configuration, desired.around)


def _smp7(
    desired: DesiredWindowsGateway,
    found: FoundTrust,
    place: Installation,
    observed: ObservedWindows,
    service: WindowsService,
) -> WindowsPlan:
    files = smp7.plan_files(desired, place, observed, found.live.certificate)
    serving = plan_gateway_service(desired.gateway, service, files_change=bool(files.changes))
    pinned = found.live.certificate or desired.materials.certificate.recorded
    moves = files.moves
    prepared: tuple[PayloadAction, ...] = ()
    last: tuple[PayloadAction, ...] = ()
    if files.changes:
        prepared = smp7.preparation(desired, place, moves, files.changes[0].id)
        last = (smp7.tested(place, files.changes[0].id),)
    return WindowsPlan(
        changes=(*files.changes, *_one(serving.change)),
        preparation=prepared,
        actions=(*moves.actions, *last, *serving.actions),
        restore=(*moves.restore, *serving.restore),
        cut_off=cut_off_by(desired.gateway.name, desired.choice, pinned),
    )


def _smp8(
    desired: DesiredWindowsGateway,
    found: FoundTrust,
    place: Installation,
    observed: ObservedWindows,
    service: WindowsService,
) -> WindowsPlan:
    files = plan_smp8_files(desired, found, place, observed)
    serving = plan_gateway_service(desired.gateway, service, files_change=bool(files.changes))
    moves = files.moves
    return WindowsPlan(
        changes=(
            *files.changes,
            *_one(serving.change),
            *certificate_step(desired, found.live.certificate),
            worksheet(desired),
        ),
        preparation=files.preparation,
        actions=(*moves.actions, *serving.actions),
        restore=(*moves.restore, *serving.restore),
        warnings=(),
    )


def _trust_warnings(
    desired: DesiredWindowsGateway, found: FoundTrust, warnings: tuple[PlanWarning, ...]
) -> Iterator[PlanWarning]:
    """Yield what the judgement of CAs and CRLs warns of; in a folder that is shared no foreign CA is taken away."""
    if desired.gateway.layout == "smp-7":
        yield from warnings
        return
    yield from (warning for warning in warnings if warning.code != "agents-cut-off")
    declared = {one.certificate.sha256 for one in desired.materials.authorities if one.certificate is not None}
    for authority in found.live.authorities:
        if authority.sha256 not in declared:
            yield PlanWarning(
                "undeclared-ca",
                f"the gateway lets in agents of the CA {authority.subject} ({authority.sha1}), which the estate does "
                "not declare for it: list its Notification Server, or remove that one in the gateway's manager",
                "C-01",
            )


def _names(desired: DesiredWindowsGateway, place: Installation, observed: ObservedWindows) -> Iterator[NameJudgement]:
    gateway = desired.gateway
    live = smp7.live_configuration(place.folders, observed)
    own = {*gateway.inside_addresses, *((gateway.public_address,) if gateway.public_address else ())}
    if gateway.connection is not None:
        own.add(gateway.connection.address)
    for host in desired.hosts:
        # smp-8: what is listed cannot be read, and a name that does not resolve must not hold up a CRL.
        listed = gateway.layout == "smp-8" or is_listed(host, live)
        addresses = observed.resolved.get(host, ())
        yield judge_name(host, addresses, own, on_loopback=desired.on_loopback, listed_already=listed)


def _one(change: Change | None) -> tuple[Change, ...]:
    return () if change is None else (change,)
