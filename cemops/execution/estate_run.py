"""One run over the machines of an estate: observes them all at once, plans each, lets changes through one by one.

Shared by the stock pyinfra command and by ``cemops plan``/``apply``, so that both obey the same guards: change
windows, the lockout guard, and that a rolled-back machine stops the rest of its deploy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import gevent
from pyinfra import logger
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError, LeftAloneError, RefusedError
from cemops.execution.applied_estates import AppliedEstates
from cemops.execution.apply_recorder import ApplyRecorder
from cemops.execution.estate_context import EstateContext
from cemops.execution.health_gate import HealthGate
from cemops.execution.host_locks import HostLocks, known_store
from cemops.execution.interruption import Interruption
from cemops.execution.machine_kind import MachineKind, Observation
from cemops.execution.machine_kinds import kinds_of
from cemops.execution.rollout_stages import RolloutStages
from cemops.planning.change_window import closed_sentence, closing
from cemops.planning.changes import Change, MachinePlan, PlanWarning
from cemops.planning.host_lock import lock_warnings
from cemops.planning.lockout import cut_off_by_policies, has_empty_policy
from cemops.planning.managed import managed_machines
from cemops.planning.saved_plan import PlannedChange, uncovered


@dataclass
class EstateRun:
    """The state of one run."""

    context: EstateContext
    now: datetime
    lockout_accepted: Mapping[str, int] = field(default_factory=dict)
    """Names of the machines whose agents the operator has agreed to cut off."""
    window_override: str | None = None
    """Why change windows do not hold this time (``--override-window``); recorded."""
    agreed: Mapping[str, Sequence[PlannedChange] | None] | None = None
    """By host, the changes that somebody agreed to: no other is made. None for a host whose changes show only when what
    an earlier apply left there is settled, and None without such an agreement (stock pyinfra)."""
    otherwise: str = "this is not in the plan file; make a new plan"
    """What to say of other changes."""
    stages: RolloutStages | None = None
    """The batches of a staged rollout; None where machines go one after another (stock pyinfra)."""
    gate: HealthGate | None = None
    """Asked before a changed gateway is confirmed; None where it was not looked at before (stock pyinfra)."""
    interruption: Interruption = field(default_factory=Interruption)
    """What a signal asked for."""
    stopped_by: dict[str, str] = field(default_factory=dict)
    """By deploy, the machine that failed when it served: the rest of that deploy is left alone."""
    observations: dict[str, Observation] = field(default_factory=dict)
    unobserved: dict[str, CemopsError] = field(default_factory=dict)
    say: Callable[[str, str], None] = lambda host, sentence: logger.info("    [%s] %s", host, sentence)
    """Tells the operator what is being done on a host; on pyinfra's log where nothing else is set."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a host failed, by name."""
    left_alone: set[str] = field(default_factory=set)
    """Those of them that were not begun."""
    changed: set[str] = field(default_factory=set)
    """Hosts whose turn has come: no other host's turn observes them again."""
    logged: set[str] = field(default_factory=set)
    _begun: float = field(default_factory=time.monotonic)
    refusals: list[RefusedError] = field(default_factory=list)

    @cached_property
    def recorder(self) -> ApplyRecorder:
        """The lock and the record of what this run changes."""
        return ApplyRecorder(self.context, self.window_override)

    @cached_property
    def locks(self) -> HostLocks:
        """The locks on the hosts that this run changes."""
        return HostLocks(self)

    def kind(self, name: str) -> MachineKind:
        """Return how cemops deals with a machine. Raises CemopsError for one that no deploy manages."""
        found = self._kinds.get(name)
        if found is None:
            raise CemopsError(f"no deploy manages {name}: declare a connection for it, or leave it out of --limit")
        return found

    def observe(self, host: Host) -> Observation:
        """Return the host's observation, a new one where there is none."""
        found = self.observations.get(host.name)
        if found is not None:
            return found
        if host.name in self.unobserved:
            raise self.unobserved[host.name]
        observation = self.kind(host.name).observe(self, host)
        self.observations[host.name] = observation
        return observation

    def observe_all(self, hosts: Iterable[Host]) -> None:
        """Observe hosts at the same time; one that fails does so again when its own turn comes, without a command."""
        known = {*self.observations, *self.unobserved, *self.changed}
        missing = [host for host in hosts if host.name not in known]
        gevent.joinall([gevent.spawn(self._observe_quietly, host) for host in missing])

    def forget_all(self) -> None:
        """Drop what is known of the hosts that this run has not changed: somebody else may have, meanwhile."""
        self.observations = {name: seen for name, seen in self.observations.items() if name in self.changed}

    def forget(self, host: Host) -> None:
        """Drop what is known of a host: it was changed."""
        self.observations.pop(host.name, None)
        self.changed.add(host.name)

    def plan(self, host: Host) -> MachinePlan:
        """Plan one host from its observation. Makes nothing. Raises CemopsError."""
        return self.plan_from(host.name, self.observe(host).observed)

    def plan_from(self, name: str, observed: Any) -> MachinePlan:  # noqa: ANN401 - each kind's own data
        """Plan a machine from what was observed, now or in a record."""
        return self.kind(name).plan(self, name, observed)

    def earlier_changes(self, name: str, observed: Any) -> tuple[Change, ...] | None:  # noqa: ANN401 - as above
        """Return what the estate of a host's last apply would change now; None where none is remembered.

        Raises SecretError, StoreError where what is remembered is out of reach.
        """
        context = self.applied.context_of(name)
        if context is None:
            return None
        try:
            return EstateRun(context, self.now).plan_from(name, observed).changes
        except CemopsError:
            return None

    def cut_off_by_policies(self, name: str) -> tuple[str, ...]:
        """Return who has no gateway any more by what the estate says of policies since a gateway's last apply.

        Of gateways that the estate declares no more, the first machine of the estate tells. Raises SecretError,
        StoreError where what is remembered is out of reach.
        """
        estate = self.context.estate
        if not has_empty_policy(estate):
            return ()  # nobody asks the store for nothing
        declared = managed_machines(estate)
        gone = [host for host in self.applied.known().hosts if host not in declared]
        names = [name, *gone] if name == next(iter(declared)) else [name]
        earlier = ((one, self.applied.context_of(one)) for one in names)
        return tuple(
            line for one, past in earlier if past is not None for line in cut_off_by_policies(one, past.estate, estate)
        )

    def remember_in_sync(self, name: str) -> None:
        """Remember that a host is as the estate declares it, unless somebody has to agree to that first."""
        try:
            asked = self.cut_off_by_policies(name)
        except CemopsError:
            return
        if not asked:
            self.applied.remember([name])

    def lock_warnings(self, observed: Any) -> tuple[PlanWarning, ...]:  # noqa: ANN401 - as above
        """Warn of somebody else's lock on a host."""
        if observed.lock is None:
            return ()
        return tuple(lock_warnings(observed.lock, observed.clock, self._own_store))

    def guard(self, host: Host, plan: MachinePlan) -> None:
        """Raise RefusedError where this host may not be changed now, HostError where its plan has errors.

        What is let through is recorded, once the apply has begun: nothing is done without.
        """
        stopper = self.stopped_by.get(self.kind(host.name).deploy)
        if stopper is not None:
            raise LeftAloneError(host.name, f"left alone, because {stopper} failed; see why, then run apply again")
        if plan.errors:
            raise HostError(host.name, "; ".join(plan.errors))
        # A batch that began in the window is finished.
        closed = None if self.stages is not None and self.stages.has_begun(host.name) else self.closed()
        if closed:
            raise RefusedError(f"{host.name}: {closed}. Nothing was changed; run `cemops apply` then.")
        if plan.refusals:
            raise RefusedError(f"{host.name}: {'; '.join(plan.refusals)}")
        if self.agreed is not None:
            wanted = [change for change in plan.changes if not change.by_operator]
            held = self.agreed.get(host.name, ())
            moved = [] if held is None else uncovered(held, wanted)
            if moved:
                raise RefusedError(f"{'; '.join(moved)}: {self.otherwise}")
        cut_off = (*plan.cut_off, *self.cut_off_by_policies(host.name))
        if len(cut_off) > self.lockout_accepted.get(host.name, 0):
            raise RefusedError(
                f"{host.name}: this would cut agents off, so it is not done by accident: {' | '.join(cut_off)}. "
                "Give agents the new certificate first and wait (CE-05), or, knowing what it does, run `cemops "
                "apply --accept-lockout N`, N being the number of lines that `cemops plan` lists as cut off."
            )
        self.recorder.note(host.name, plan.changes)

    @property
    def halted(self) -> str | None:
        """Why machines were left alone, or would be; None where none was."""
        failed = (f"{name} failed when it served" for name in self.stopped_by.values())
        stopped = self.interruption.reason if self.left_alone else None
        return stopped or (self.stages.halted if self.stages else None) or next(failed, None)

    def closed(self) -> str | None:
        """Say why nothing may be changed now, None where it may: a window is open, or its override was given."""
        if self.window_override is not None:
            return None
        return closed_sentence(self.context.estate.change_windows, self.now + self._elapsed())

    def closes_in(self) -> timedelta | None:
        """Return how long changes are still allowed; None without an end."""
        if self.window_override is not None:
            return None
        now = self.now + self._elapsed()
        end = closing(self.context.estate.change_windows, now)
        return None if end is None else end - now

    def _elapsed(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self._begun)

    @cached_property
    def applied(self) -> AppliedEstates:
        """Which estate each host was last brought to."""
        return AppliedEstates(self.context, self._complain)

    def _complain(self, sentence: str) -> None:
        self.recorder.complain(sentence)

    @cached_property
    def _own_store(self) -> str | None:
        return known_store(self.context)

    @cached_property
    def _kinds(self) -> dict[str, MachineKind]:
        return kinds_of(self.context.estate)

    def _observe_quietly(self, host: Host) -> None:
        try:
            self.observations[host.name] = self.kind(host.name).observe(self, host)
        except CemopsError as error:
            self.unobserved[host.name] = error
        except PyinfraError as error:
            self.unobserved[host.name] = HostError(host.name, str(error))
