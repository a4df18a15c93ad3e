"""What cemops does with one kind of machine: how it is observed, planned and changed.

One module a kind: :mod:`~cemops.execution.gateway_kind` (Linux gateways on stock httpd),
:mod:`~cemops.execution.windows_kind` (Notification Servers, site servers). The run over an estate, the stock pyinfra
operations, ``cemops plan`` and ``cemops apply`` know machines by this interface alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pyinfra.api.host import Host

    from cemops.execution.estate_run import EstateRun
    from cemops.model.host_lock import LockRequest
    from cemops.planning.changes import MachinePlan


@dataclass(frozen=True)
class Observation:
    """What one host was found to hold, when (monotonic seconds), and at what cost."""

    observed: Any
    """The kind's own data (ObservedGateway, ObservedWindows)."""
    record: Any
    """The host's own answer, as plain data: what ``cemops observe`` writes down. No secret is in it."""
    taken: float
    round_trips: int
    """Remote processes."""
    http_requests: int = 0
    lock_failure: str | None = None
    """Why the host says that it could not be locked, in an observation behind the taking of its lock."""


@dataclass(frozen=True)
class Step:
    """One step of a change: a label for people, and what it does (raises CemopsError)."""

    label: str
    run: Callable[[], None]


class MachineKind(Protocol):
    """One kind of machine. None of these knows another host than the one it is called for."""

    deploy: str
    """Name of the deploy that manages it (``deploys/NAME.py``)."""
    record_kind: str
    """How a record of observations names it."""

    def observe(self, run: EstateRun, host: Host) -> Observation:
        """Read everything that the planner needs, in one remote process. Raises CemopsError."""

    def plan(self, run: EstateRun, name: str, observed: Any) -> MachinePlan:  # noqa: ANN401 - each kind's own data
        """Plan from an observation. Makes nothing. Raises CemopsError."""

    def settle(self, run: EstateRun, host: Host) -> bool:
        """Confirm or undo what an earlier apply left; tell whether the machine may look otherwise now.

        ``cemops apply`` asks before it plans: who is cut off depends on what serves after an undo. Raises CemopsError.
        """

    def lock(self, run: EstateRun, host: Host, wanted: LockRequest) -> Observation:
        """Take the host's lock if nobody's keeps it out, then read the host: one remote process.

        The observation's ``lock`` says who holds it. Raises CemopsError.
        """

    def unlock(self, run: EstateRun, host: Host, token: str) -> None:
        """Remove the host's lock with that token, and no other. Raises CemopsError."""

    def steps(self, run: EstateRun, host: Host) -> Iterator[Step]:
        """Yield what has to be done; called when the guards have let the host through."""

    def digest(self, observed: Any) -> str:  # noqa: ANN401 - as above
        """Return the digest of what matters in an observation; clocks and pids move by themselves."""

    def from_record(self, record: Any) -> Any:  # noqa: ANN401 - as above
        """Return the observation that a record holds. Raises CemopsError where it is damaged."""
