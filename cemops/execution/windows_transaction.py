"""Brings a plan to a Windows machine: apply in one process, verify in a second, confirm in a third.

What served before is put back by a dead man on the machine itself: a scheduled task that is registered before the
first action and runs the restoring actions unless the change is confirmed. So, killed at any point, the machine ends
with the old entries or with those that were seen to work; the next apply settles what waits.

What only prepares (copies aside, a rehearsal) runs before the dead man is armed: where it fails, nothing was touched.

After the actions the machine is read anew and planned anew: whatever is left to do is a failure. Each endpoint whose
certificate changed is dialled and must present it; a gateway is looked at as agents do.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from cemops.errors import HostError, PkiError, what_may_be_said
from cemops.execution.completed_change import completing, is_completed
from cemops.execution.endpoint_check import presented_fault
from cemops.execution.estate_context import EstateContext
from cemops.execution.machine_kind import Step
from cemops.execution.windows_desired import Purposes
from cemops.execution.windows_machine import ActionOutcome, WindowsMachine, unlocking
from cemops.model.windows_observed import ObservedWindows
from cemops.payload.assembly import dead_man_script
from cemops.pki.server_certificates import packed_for_windows
from cemops.planning.windows.plan import PayloadAction, WindowsPlan

DEAD_MAN_SECONDS = 300
"""From its arming to going back: the actions, the second look, and a slow operator's connection."""
_PREPARING, _DEAD_MAN, _COMPLETING = "prepare-", "dead-man", "completed"


@dataclass(frozen=True)
class GatewaySide:
    """What a gateway needs besides: its key, a look from outside, and that a failure stops the gateways after it."""

    key: Callable[[], SecretStr]
    before: Callable[[], None]
    """Looks before anything is touched; raises HostError where it could not be looked at afterwards."""
    look: Callable[[], tuple[str, ...]]
    """Returns what speaks against the gateway, as sentences."""
    dead_man_seconds: int


@dataclass(frozen=True)
class HeldLock:
    """The lock that this run holds on the machine."""

    token: Callable[[], str | None]
    removed: Callable[[], None]
    """Told when it was removed."""


@dataclass
class WindowsTransaction:
    """Brings one machine's plan to it. ``report`` takes sentences for the operator."""

    context: EstateContext
    machine: WindowsMachine
    purposes: Purposes
    passwords: Mapping[str, str]
    """Secret references of local accounts' passwords, by account."""
    report: Callable[[str], None]
    left_to_do: Callable[[ObservedWindows], WindowsPlan]
    """Plans from a new observation, without regard to dead men."""
    look_again: Callable[[], ObservedWindows]
    reverted: Callable[[], None]
    """Told when a change was made and undone: the rest of the deploy is then left alone."""
    held: HeldLock
    """The machine's lock, which is removed with the confirmation."""
    gateway: GatewaySide | None = None

    def steps(self, plan: WindowsPlan) -> Iterator[Step]:
        """Yield what has to be done for a plan that is not empty."""
        token = secrets.token_hex(8) if plan.restore else None
        count = len(plan.actions)
        if self.gateway is not None:
            yield Step("dial from outside", self.gateway.before)
        yield Step(f"make {count} {'change' if count == 1 else 'changes'}", lambda: self.apply(plan, token))
        confirm = ", confirm" if token else ""
        yield Step(f"verify: read it again, dial it{confirm}", lambda: self.verify(plan, token))

    def settle(self, observed: ObservedWindows) -> None:
        """Confirm what an earlier apply made to its end if nothing is left to do, else undo it."""
        for man in observed.dead_men:
            works = (
                not man.fired
                and is_completed(observed, man.token)
                and not self._faults(self.left_to_do(observed))
                and not self._seen_from_outside()
            )
            op = "deadman.confirm" if works else "deadman.fire"
            self._run([{"id": "settle", "op": op, "token": man.token}])
            if man.fired:
                self.report(f"the change that dead man {man.token} undid is cleared away")
            else:
                self.report(f"the unconfirmed change was {'confirmed' if works else 'undone'}")

    def apply(self, plan: WindowsPlan, token: str | None) -> None:
        """Arm the dead man, then run the plan's actions; the first that fails stops, and all is undone."""
        prepared, actions = self.wire(plan.preparation, _PREPARING), self.wire(plan.actions)
        if token is not None:
            script = dead_man_script(self.wire(plan.restore))
            armed = {
                "id": _DEAD_MAN,
                "op": "deadman.arm",
                "token": token,
                "seconds": self._dead_man_seconds,
                "script": base64.b64encode(script.encode()).decode(),
            }
            actions = [armed, *actions, completing(_COMPLETING, token)]
        try:
            outcomes = self.machine.apply([*prepared, *actions])
        except HostError:
            self._stop_the_rest(token)  # nobody knows how far it got
            raise
        failed = next((outcome for outcome in outcomes if outcome.state == "failed"), None)
        if failed is None:
            return
        what = _name_of(plan, failed)
        if failed.id.startswith(_PREPARING):
            raise HostError(self.machine.name, f"{what} failed, nothing that serves was touched: {failed.message}")
        done = sum(
            outcome.changed
            for outcome in outcomes
            if outcome.id not in {_DEAD_MAN, _COMPLETING} and not outcome.id.startswith(_PREPARING)
        )
        undone = self._undo(token if failed.id != _DEAD_MAN else None)
        self._stop_the_rest(token if failed.id != _DEAD_MAN else None)
        raise HostError(
            self.machine.name, f"{what} failed: {failed.message}. {done} changes had been made before it{undone}"
        )

    def verify(self, plan: WindowsPlan, token: str | None) -> None:
        """Read the machine anew, plan anew, dial what changed; confirm, or undo it at once."""
        try:
            faults = self._faults(self.left_to_do(self.look_again()))
            for action in plan.actions:
                fault = self._dial(action)
                faults += (fault,) if fault else ()
            faults = faults or self._seen_from_outside()
        except Exception as error:  # noqa: BLE001 - whatever it was: nothing stays that was not seen to work
            if isinstance(error, HostError) and error.unreachable:
                self._stop_the_rest(token)
                raise HostError(
                    self.machine.name,
                    f"the change was made, but the machine could not be read again ({error}): its dead man undoes it, "
                    "or the next apply settles it",
                    unreachable=True,
                ) from None
            undone = self._undo(token)
            self.reverted()
            said = what_may_be_said(error)
            raise HostError(
                self.machine.name, f"the change was made, and could not be checked: {said}{undone}"
            ) from None
        if faults:
            undone = self._undo(token)
            self.reverted()
            raise HostError(self.machine.name, f"the change did not come out as planned: {'; '.join(faults)}{undone}")
        if token is not None:
            self._confirm(token)

    def wire(self, actions: Sequence[PayloadAction], prefix: str = "") -> list[dict[str, Any]]:
        """Return actions as they go to the machine, secrets put in."""
        return [
            {"id": f"{prefix}{number}", "op": action.op, **action.fields, **self._secrets(action)}
            for number, action in enumerate(actions, start=1)
        ]

    def _secrets(self, action: PayloadAction) -> dict[str, str]:
        if action.material is None:
            return {}
        kind, _, name = action.material.partition(":")
        if kind == "pfx":
            packed = packed_for_windows(
                self.context.estate, self.context.folder, self.purposes[name], self.context.secrets
            )
            pfx = base64.b64encode(packed.pfx.get_secret_value()).decode()
            return {"pfx": pfx, "password": packed.password.get_secret_value()}
        if kind == "password" and name in self.passwords:
            return {"password": self.context.secrets.resolve(self.passwords[name]).get_secret_value()}
        if kind == "key" and self.gateway is not None:
            content = self.gateway.key().get_secret_value().encode()
            return {"content": base64.b64encode(content).decode(), "sha256": hashlib.sha256(content).hexdigest()}
        raise PkiError(f"nothing is known of {action.material}, which {action.change} needs")

    def _faults(self, left: WindowsPlan) -> tuple[str, ...]:
        changes = (
            f"{change.resource} {change.name}: {change.reason}" for change in left.changes if not change.by_operator
        )
        return (*left.errors, *changes)

    def _seen_from_outside(self) -> tuple[str, ...]:
        return () if self.gateway is None else self.gateway.look()

    @property
    def _dead_man_seconds(self) -> int:
        return DEAD_MAN_SECONDS if self.gateway is None else self.gateway.dead_man_seconds

    def _stop_the_rest(self, token: str | None) -> None:
        """Leave the other gateways alone where this one was touched and not confirmed; servers do not depend on it."""
        if token is not None and self.gateway is not None:
            self.reverted()

    def _dial(self, action: PayloadAction) -> str | None:
        if action.op != "sslcert.set":
            return None
        result = presented_fault(
            self.machine.address,
            str(action.fields["kind"]),
            str(action.fields["endpoint"]),
            str(action.fields["thumbprint"]),
        )
        if result.unproven:
            self.report(result.unproven)
        return result.fault

    def _undo(self, token: str | None) -> str:
        if token is None:
            return ""
        try:
            self._run([{"id": "undo", "op": "deadman.fire", "token": token}])
        except HostError as error:
            return f"; undoing it failed ({error}), its dead man tries again within {self._dead_man_seconds} s"
        return "; what served before was put back"

    def _confirm(self, token: str) -> None:
        """Confirm, and remove the lock in the same process; where only that fails, whoever holds it is told."""
        lock = self.held.token()
        confirming: list[dict[str, Any]] = [{"id": "confirm", "op": "deadman.confirm", "token": token}]
        confirmed, *unlocked = self.machine.apply([*confirming, *([unlocking(lock)] if lock else [])])
        if confirmed.state == "failed":
            raise HostError(self.machine.name, confirmed.message)
        if all(outcome.state == "done" for outcome in unlocked):
            self.held.removed()

    def _run(self, actions: Sequence[Mapping[str, Any]]) -> None:
        failed = next((outcome for outcome in self.machine.apply(actions) if outcome.state == "failed"), None)
        if failed is not None:
            raise HostError(self.machine.name, failed.message)


def _name_of(plan: WindowsPlan, failed: ActionOutcome) -> str:
    """Name the failed action by the change that it makes."""
    if failed.id == _DEAD_MAN:
        return "arming the dead man"
    if failed.id == _COMPLETING:
        return "noting that the change is complete"
    actions = plan.preparation if failed.id.startswith(_PREPARING) else plan.actions
    action = actions[int(failed.id.removeprefix(_PREPARING)) - 1]
    return f"{action.op} ({action.change})"
