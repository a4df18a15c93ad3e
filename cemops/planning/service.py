"""Whether a gateway's httpd has to be started, reloaded or restarted, and what that does to open tunnels."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
class Coming:
    """What an apply brings: a new release, another systemd unit."""

    release: bool
    unit: bool


@dataclass(frozen=True)
class ServicePlan:
    """The step and the change that shows it."""

    step: ServiceStep
    change: Change | None = None


def sizing_text(sizing: Sizing) -> str:
    """Return what httpd fixes at its start, as noted on the host: a reload ignores a change of it (AH00501)."""
    values = (sizing.server_limit, sizing.thread_limit, sizing.threads_per_child)
    return " ".join(f"{name}={value}" for name, value in zip(_SIZING_DIRECTIVES, values, strict=True))


def sizing_of(configuration: str, otherwise: Sizing) -> Sizing:
    """Return ``otherwise`` with what this configuration fixes at httpd's start, as far as it says so."""
    values = dict(word.split("=") for word in _sizing_in(configuration).split())
    server_limit, thread_limit, threads = (values[name] for name in _SIZING_DIRECTIVES)
    if not (server_limit.isdecimal() and thread_limit.isdecimal() and threads.isdecimal()):
        return otherwise
    return replace(
        otherwise, server_limit=int(server_limit), thread_limit=int(thread_limit), threads_per_child=int(threads)
    )


def plan_service(host: str, sizing: Sizing, observed: ObservedGateway, coming: Coming) -> ServicePlan:
    """Decide the step from what runs, what it was started with, and what is coming."""
    step, reason = _step(sizing_text(sizing), observed, coming)
    return _planned(host, step, reason) if step is not ServiceStep.NONE else ServicePlan(step)


def _step(wanted: str, observed: ObservedGateway, coming: Coming) -> tuple[ServiceStep, str]:
    service = observed.service
    started_with = service.started_with or _sizing_in(observed.live_files.get("httpd.conf", ""))
    rules = (
        (not service.running, ServiceStep.START, "httpd is not running"),
        (coming.unit, ServiceStep.RESTART, "the systemd unit changes"),
        (started_with != wanted, ServiceStep.RESTART, f"the capacity changes: {started_with} -> {wanted} (IG-04)"),
        (coming.release, ServiceStep.RELOAD, "the configuration changes"),
        (
            service.loaded != observed.current,
            ServiceStep.RELOAD,
            f"httpd has loaded {service.loaded or 'an unknown release'}, not the current one",
        ),
    )
    return next(((step, reason) for holds, step, reason in rules if holds), (ServiceStep.NONE, ""))


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
