"""The service of the vendor's gateway: whether it runs, starts by itself, and what a restart does (IG-07)."""

from __future__ import annotations

from dataclasses import dataclass

from cemops.model.gateways import Gateway
from cemops.model.windows_observed import WindowsService
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.gateway.folders import GATEWAY_SERVICE
from cemops.planning.windows.plan import PayloadAction

RUNNING, STOPPED, AUTOMATIC = "Running", "Stopped", "Automatic"
_DROP = PlanWarning(
    "tunnels-drop",
    "on Windows a restart ends every open tunnel; agents connect again by themselves",
    "C-05",
)


@dataclass(frozen=True)
class ServicePlan:
    """The change, what makes it, and what takes it back; all empty where nothing is needed."""

    change: Change | None = None
    actions: tuple[PayloadAction, ...] = ()
    restore: tuple[PayloadAction, ...] = ()


def plan_gateway_service(gateway: Gateway, service: WindowsService, *, files_change: bool) -> ServicePlan:
    """Decide from how the service stands and whether anything changes that it reads when it starts."""
    runs, by_itself = service.state == RUNNING, service.start == AUTOMATIC
    reasons = [
        *([] if runs else [f"the service is {service.state}"]),
        *([] if by_itself else [f"the service starts {service.start}, so not with the machine"]),
        *(["what it reads when it starts has changed"] if files_change and runs else []),
    ]
    if not reasons:
        return ServicePlan()
    restarts = files_change and runs
    change = Change(
        gateway.name,
        Resource.SERVICE,
        GATEWAY_SERVICE,
        Action.RESTART if restarts else Action.UPDATE,
        "; ".join(reasons),
        before={"state": service.state, "start": service.start},
        after={"state": RUNNING, "start": AUTOMATIC},
        warnings=(_DROP,) if restarts else (),
    )
    named = {"service": GATEWAY_SERVICE}
    starting = PayloadAction("service.set", {**named, "state": RUNNING, "start": AUTOMATIC}, change.id)
    restarting = PayloadAction("service.restart", named, change.id)
    actions = (*(() if runs and by_itself else (starting,)), *((restarting,) if restarts else ()))
    return ServicePlan(change, actions, _restore(service, change, restarts=restarts) if files_change else ())


def _restore(service: WindowsService, change: Change, *, restarts: bool) -> tuple[PayloadAction, ...]:
    """Let the service read again what was put back; one that did not run is stopped again."""
    if restarts:
        return (PayloadAction("service.restart", {"service": GATEWAY_SERVICE}, change.id),)
    if service.state == STOPPED:
        return (PayloadAction("service.set", {"service": GATEWAY_SERVICE, "state": STOPPED}, change.id),)
    return ()
