"""A change is data: what, from what, to what, and why. How it is shown or made is decided elsewhere.

The vocabulary (resources, actions, statuses) is the contract of ``cemops plan --format json`` (DESIGN.md, JSON).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

KNOWN_AFTER_APPLY = "(known after apply)"


class Action(StrEnum):
    """What happens to the resource. ``operator`` is a step that only a person can do."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    DELIVER = "deliver"
    RELOAD = "reload"
    RESTART = "restart"
    OPERATOR = "operator"


class Resource(StrEnum):
    """What is changed."""

    FILE = "file"
    SERVICE = "service"
    CERTIFICATE = "certificate"
    CRL = "crl"
    ACCOUNT = "account"
    FIREWALL_RULE = "firewall_rule"
    STATUS_REPORTING = "status_reporting"
    IIS_SITE = "iis_site"
    IIS_BINDING = "iis_binding"
    HTTP_SYS_CERTIFICATE = "http_sys_certificate"
    REGISTRY_VALUE = "registry_value"
    MACHINE = "machine"


class MachinePlan(Protocol):
    """What every planner returns for one machine, whatever else it adds for those who make the changes."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What would be done."""

    @property
    def errors(self) -> tuple[str, ...]:
        """Why it must not be done, as sentences."""

    @property
    def refusals(self) -> tuple[str, ...]:
        """What a guard refuses (exit code 3), as sentences."""

    @property
    def warnings(self) -> tuple[PlanWarning, ...]:
        """What the reader must know of the machine as a whole."""

    @property
    def cut_off(self) -> tuple[str, ...]:
        """Who is cut off by it."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done (steps of an operator aside)."""


class HostStatus(StrEnum):
    """How a host stands in a plan."""

    CHANGES = "changes"
    IN_SYNC = "in-sync"
    UNREACHABLE = "unreachable"
    ERROR = "error"


class Intent(StrEnum):
    """Why a change is there: the estate changed since the last apply, or the host did."""

    INTENDED = "intended"
    CORRECTIVE = "corrective"


@dataclass(frozen=True)
class PlanWarning:
    """Something the reader of a plan must know. ``fact`` is an id of DOMAIN.md."""

    code: str
    message: str
    fact: str | None = None


@dataclass(frozen=True)
class Change:
    """One change of one resource on one host. ``before``/``after`` hold no secret; None where nothing is there."""

    host: str
    resource: Resource
    name: str
    action: Action
    reason: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    diff: str | None = None
    warnings: tuple[PlanWarning, ...] = ()
    intent: Intent | None = None
    """None for a step of the operator, and before it was compared with the last apply."""
    unfinished: bool = False
    """Whether an apply that is at work, or was cut off, left it: nobody changed anything by hand."""

    @property
    def id(self) -> str:
        """A name for the change that is the same in every plan: host, resource, name."""
        return f"{self.host}:{self.resource}:{self.name}"

    @property
    def by_operator(self) -> bool:
        """Whether only a person can make it: listed and counted, but no reason to call a host changed."""
        return self.action is Action.OPERATOR


@dataclass(frozen=True)
class HostPlan:
    """What a plan says of one host."""

    host: str
    status: HostStatus
    changes: tuple[Change, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()
    error: str | None = None
    round_trips: int = 0
    http_requests: int = 0
    cut_off: tuple[str, ...] = ()
    """Who loses the gateway if this is applied: one line each, counted by ``--accept-lockout``."""
    refusals: tuple[str, ...] = ()
    """What a guard would refuse (exit code 3), as sentences."""
    observed_digest: str = ""
    managed: bool = True

    @property
    def is_unfinished(self) -> bool:
        """Whether an apply left something here that has to be settled first."""
        return any(change.unfinished for change in self.changes)

    @property
    def all_warnings(self) -> tuple[PlanWarning, ...]:
        """The host's warnings and those of its changes."""
        return (*self.warnings, *(warning for change in self.changes for warning in change.warnings))


@dataclass(frozen=True)
class Plan:
    """What would be changed, on every host that was asked for."""

    estate: str
    plan_id: str
    created: str
    hosts: tuple[HostPlan, ...]
    observed_digest: str

    @property
    def has_changes(self) -> bool:
        """Whether an apply would do something."""
        return any(host.status is HostStatus.CHANGES for host in self.hosts)

    @property
    def needs_consent(self) -> bool:
        """Whether there is something to agree to: changes, or agents cut off by what the estate says, without any."""
        return self.has_changes or any(host.cut_off for host in self.hosts if host.status is HostStatus.IN_SYNC)

    @property
    def has_failures(self) -> bool:
        """Whether a host could not be observed or planned (exit code 1 wins over 2)."""
        return any(host.status in (HostStatus.UNREACHABLE, HostStatus.ERROR) for host in self.hosts)

    @property
    def cut_off(self) -> tuple[str, ...]:
        """Everything that is cut off, over all hosts."""
        return tuple(line for host in self.hosts for line in host.cut_off)


def host_status(changes: Iterable[Change]) -> HostStatus:
    """Return ``changes`` if cemops would change something; operator steps alone leave a host in sync."""
    return HostStatus.CHANGES if any(not change.by_operator for change in changes) else HostStatus.IN_SYNC


def summarize(hosts: Iterable[HostPlan]) -> dict[str, int]:
    """Count what the contract's ``summary`` counts; steps of a host in error do not count."""
    hosts = tuple(hosts)
    counts = {"hosts": len(hosts), "hosts_changed": sum(host.status is HostStatus.CHANGES for host in hosts)}
    changes = [
        change for host in hosts for change in host.changes if change.by_operator or host.status is not HostStatus.ERROR
    ]
    counts |= {str(action): sum(change.action is action for change in changes) for action in Action}
    counts["warnings"] = sum(len(host.all_warnings) for host in hosts)
    return counts


def unified_diff(before: str | None, after: str | None, name: str) -> str:
    """Return a unified diff of two texts; a missing one is empty and named ``/dev/null``."""
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(
            (before or "").splitlines(keepends=True),
            (after or "").splitlines(keepends=True),
            f"a/{name}" if before is not None else "/dev/null",
            f"b/{name}" if after is not None else "/dev/null",
        )
    )
