"""One Windows machine as the payload sees it: asks for its state, hands it actions, reads what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError
from cemops.execution.powershell import run_payload
from cemops.execution.windows_state.reply import unpacked
from cemops.model.host_lock import LIFETIME, LockRequest
from cemops.payload.assembly import PayloadError, framed, reply_of

OBSERVE_SECONDS = 180.0
"""Reading a machine with a thousand firewall rules and slow disks; the start of PowerShell alone takes about 1 s."""
APPLY_SECONDS = 600.0


@dataclass(frozen=True)
class ActionOutcome:
    """What came of one action: ``done``, ``failed`` or ``skipped``; ``message`` says why it failed."""

    id: str
    state: str
    changed: bool
    message: str = ""


@dataclass(frozen=True)
class Costs:
    """What a host has cost so far: remote processes and HTTP requests."""

    processes: int
    requests: int


class WindowsMachine:
    """The payload on one host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def name(self) -> str:
        """Name of the machine in the estate."""
        return self._host.name

    @property
    def address(self) -> str:
        """Where it is dialled."""
        return str(self._host.data.get("cemops_address"))

    @property
    def costs(self) -> Costs:
        """What was spent on it up to now."""
        connector = self._host.connector
        return Costs(getattr(connector, "remote_commands", 0), getattr(connector, "requests_sent", 0))

    def state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the machine's raw state. Raises HostError."""
        data = self._asked(request, OBSERVE_SECONDS, "could not be observed")
        if not isinstance(data, dict):
            raise HostError(self.name, "the payload answered with something else than a state: observe again")
        return data

    def apply(self, actions: Sequence[Mapping[str, Any]]) -> tuple[ActionOutcome, ...]:
        """Run actions in order, in one remote process; say what came of each.

        Raises HostError where the list was refused as a whole (nothing ran), or the answer did not come (it is not
        known how far it got: the next observation tells).
        """
        return self._outcomes(self._asked(_applying(actions), APPLY_SECONDS, "could not be changed"))

    def lock(self, wanted: LockRequest, request: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Take the machine's lock, and return the raw state behind it, in one remote process. Raises HostError.

        Where that failed, the second is why. Whether somebody else holds the lock, the state says.
        """
        seconds = int(LIFETIME.total_seconds())
        action = {"id": "lock", "op": "lock.take", **asdict(wanted), "seconds": seconds}
        asked = _applying([action]) | {"want": request["want"]}
        data = self._asked(asked, OBSERVE_SECONDS, "could not be locked")
        (outcome,) = self._outcomes(data)
        if not isinstance(data.get("state"), dict):
            raise HostError(self.name, "the payload locked the machine and gave no state: observe again")
        return dict(unpacked(data["state"])), outcome.message if outcome.state == "failed" else None

    def unlock(self, token: str) -> None:
        """Remove the machine's lock with that token, and no other. Raises HostError."""
        (outcome,) = self.apply([unlocking(token)])
        if outcome.state == "failed":
            raise HostError(self.name, outcome.message)

    def _outcomes(self, data: Any) -> tuple[ActionOutcome, ...]:  # noqa: ANN401 - plain JSON data
        try:
            return tuple(_outcome(one) for one in data["actions"])
        except (KeyError, TypeError, AttributeError):
            raise HostError(self.name, "the payload's answer to the actions is damaged: observe again") from None

    def _asked(self, request: Mapping[str, Any], seconds: float, failed: str) -> Any:  # noqa: ANN401 - plain JSON data
        try:
            return reply_of(run_payload(self._host, framed(request), seconds))
        except PayloadError as error:
            raise HostError(self.name, f"the machine {failed}: {error}") from None
        except HostError:
            raise
        except CemopsError as error:
            raise HostError(self.name, f"the machine {failed}: {error}") from None
        except OSError as error:
            raise HostError(self.name, f"the machine {failed}: {error}", unreachable=True) from None


def unlocking(token: str) -> dict[str, Any]:
    """Return the action that removes the lock with that token."""
    return {"id": "unlock", "op": "lock.release", "token": token}


def _applying(actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"verb": "apply", "actions": list(actions)}


def _outcome(data: Mapping[str, Any]) -> ActionOutcome:
    error = data.get("error") or {}
    return ActionOutcome(str(data["id"]), str(data["state"]), bool(data.get("changed")), str(error.get("message", "")))
