"""Brings a plan to a Windows machine: apply in one process, verify in a second, confirm in a third.

What served before is put back by a dead man on the machine itself: a scheduled task that is registered before the
first action and runs the restoring actions unless the change is confirmed. So, killed at any point, the machine ends
with the old entries or with those that were seen to work; the next apply settles what waits.

After the actions the machine is read anew and planned anew: whatever is left to do is a failure. Each endpoint whose
certificate changed is dialled and must present it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cemops.errors import HostError, PkiError
from cemops.execution.endpoint_check import presented_fault
from cemops.execution.estate_context import EstateContext
from cemops.execution.machine_kind import Step
from cemops.execution.windows_desired import Purposes
from cemops.execution.windows_machine import ActionOutcome, WindowsMachine
from cemops.model.windows_observed import ObservedWindows
from cemops.payload.assembly import dead_man_script
from cemops.pki.server_certificates import packed_for_windows
from cemops.planning.windows.plan import PayloadAction, WindowsPlan

DEAD_MAN_SECONDS = 300
"""From its arming to going back: the actions, the second look, and a slow operator's connection."""


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

    def steps(self, plan: WindowsPlan) -> Iterator[Step]:
        """Yield what has to be done for a plan that is not empty."""
        token = secrets.token_hex(8) if plan.restore else None
        count = len(plan.actions)
        yield Step(f"make {count} {'change' if count == 1 else 'changes'}", lambda: self.apply(plan, token))
        confirm = ", confirm" if token else ""
        yield Step(f"verify: read it again, dial it{confirm}", lambda: self.verify(plan, token))

    def settle(self, observed: ObservedWindows) -> None:
        """Confirm what an earlier apply left if nothing is left to do, else undo it."""
        works = not self._faults(self.left_to_do(observed))
        for man in observed.dead_men:
            op = "deadman.confirm" if works and not man.fired else "deadman.fire"
            self._run([{"id": "settle", "op": op, "token": man.token}])
            if man.fired:
                self.report(f"the change that dead man {man.token} undid is cleared away")
            else:
                self.report(f"the unconfirmed change was {'confirmed' if works else 'undone'}")

    def apply(self, plan: WindowsPlan, token: str | None) -> None:
        """Arm the dead man, then run the plan's actions; the first that fails stops, and all is undone."""
        actions = self.wire(plan.actions)
        if token is not None:
            script = dead_man_script(self.wire(plan.restore))
            armed = {
                "id": "dead-man",
                "op": "deadman.arm",
                "token": token,
                "seconds": DEAD_MAN_SECONDS,
                "script": base64.b64encode(script.encode()).decode(),
            }
            actions = [armed, *actions]
        outcomes = self.machine.apply(actions)
        failed = next((outcome for outcome in outcomes if outcome.state == "failed"), None)
        if failed is None:
            return
        done = sum(outcome.changed for outcome in outcomes if outcome.id != "dead-man")
        what = _name_of(plan, failed)
        undone = self._undo(token if failed.id != "dead-man" else None)
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
        except HostError as error:
            raise HostError(
                self.machine.name,
                f"the change was made, but the machine could not be read again ({error}): its dead man undoes it, or "
                "the next apply settles it",
                unreachable=error.unreachable,
            ) from None
        if faults:
            undone = self._undo(token)
            self.reverted()
            raise HostError(self.machine.name, f"the change did not come out as planned: {'; '.join(faults)}{undone}")
        if token is not None:
            self._run([{"id": "confirm", "op": "deadman.confirm", "token": token}])

    def wire(self, actions: Sequence[PayloadAction]) -> list[dict[str, Any]]:
        """Return actions as they go to the machine, secrets put in."""
        return [
            {"id": f"{number}", "op": action.op, **action.fields, **self._secrets(action)}
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
        raise PkiError(f"nothing is known of {action.material}, which {action.change} needs")

    def _faults(self, left: WindowsPlan) -> tuple[str, ...]:
        changes = (
            f"{change.resource} {change.name}: {change.reason}" for change in left.changes if not change.by_operator
        )
        return (*left.errors, *changes)

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
            return f"; undoing it failed ({error}), its dead man tries again within {DEAD_MAN_SECONDS} s"
        return "; what served before was put back"

    def _run(self, actions: Sequence[Mapping[str, Any]]) -> None:
        failed = next((outcome for outcome in self.machine.apply(actions) if outcome.state == "failed"), None)
        if failed is not None:
            raise HostError(self.machine.name, failed.message)


def _name_of(plan: WindowsPlan, failed: ActionOutcome) -> str:
    """Name the failed action by the change that it makes."""
    if failed.id == "dead-man":
        return "arming the dead man"
    action = plan.actions[int(failed.id) - 1]
    return f"{action.op} ({action.change})"
