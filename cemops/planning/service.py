"""Whether a gateway's httpd has to be started, reloaded or restarted, and what that does to open tunnels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cemops.model.observed import ObservedGateway
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.sizing import Sizing

_SIZING_DIRECTIVES = ("ServerLimit", "ThreadLimit", "ThreadsPerChild")


class ServiceStep(StrEnum):
    """What the service needs. A reload keeps open tunnels, a restart drops them."""

    NONE = "none"
    START = "start"
    RELOAD = "reload"
    RESTART = "restart"


@dataclass(frozen=True)
class ServicePlan:
    """The step and the change that shows it."""

    step: ServiceStep
    change: Change | None = None


def sizing_text(sizing: Sizing) -> str:
    """Return what httpd fixes at its start, as noted on the host: a reload ignores a change of it (AH00501)."""
    return f"ServerLimit={sizing.server_limit} ThreadLimit={sizing.thread_limit} ThreadsPerChild={sizing.threads_per_child}"


def plan_service(
    host: str, sizing: Sizing, observed: ObservedGateway, *, switch: bool, unit_changed: bool, manager: str
) -> ServicePlan:
    """Decide the step from what runs, what it was started with, and whether a new release comes."""
    service = observed.service
    if not service.running:
        return _planned(host, ServiceStep.START, "httpd is not running")
    if unit_changed:
        return _planned(host, ServiceStep.RESTART, "the systemd unit changes")
    started_with = service.started_with or _sizing_in(observed.live_files.get("httpd.conf", ""))
    wanted = sizing_text(sizing)
    if started_with != wanted:
        return _planned(host, ServiceStep.RESTART, f"the capacity changes: {started_with} -> {wanted} (IG-04)")
    if manager == "systemd" and service.enabled is False:
        return _planned(host, ServiceStep.RELOAD, "the unit is not enabled")
    if switch:
        return _planned(host, ServiceStep.RELOAD, "the configuration changes")
    if service.loaded != observed.current:
        return _planned(
            host, ServiceStep.RELOAD, f"httpd has loaded {service.loaded or 'an unknown release'}, not the current one"
        )
    return ServicePlan(ServiceStep.NONE)


def _planned(host: str, step: ServiceStep, reason: str) -> ServicePlan:
    action = {ServiceStep.START: Action.CREATE, ServiceStep.RELOAD: Action.RELOAD}.get(step, Action.RESTART)
    warnings = (
        (PlanWarning("tunnels-drop", "a restart ends every open tunnel; agents connect again by themselves", "C-05"),)
        if step is ServiceStep.RESTART
        else ()
    )
    return ServicePlan(step, Change(host, Resource.SERVICE, "httpd", action, reason, warnings=warnings))


def _sizing_in(configuration: str) -> str:
    found = {
        words[0]: words[1]
        for words in (line.split() for line in configuration.splitlines())
        if len(words) == 2 and words[0] in _SIZING_DIRECTIVES  # noqa: PLR2004 - a directive and its value
    }
    return " ".join(f"{name}={found.get(name, '?')}" for name in _SIZING_DIRECTIVES)
