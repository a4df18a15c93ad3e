"""The fact ``GatewayState``: a gateway host as it is, read in one remote command (``remote/observe.sh``).

The same command can take the host's lock first, so that nobody comes between the lock and what is read behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from cemops.execution.gateway_state import GatewayStateError, parse_gateway_state
from cemops.model.observed import ObservedGateway

_SCRIPTS = files("cemops.execution.remote")
_OBSERVE = _SCRIPTS.joinpath("observe.sh").read_text("utf-8")
_LOCK = "\n".join(
    _SCRIPTS.joinpath(part).read_text("utf-8") for part in ("transaction.sh", "switching.sh", "locking.sh")
)
_FAILED = "failed\t"


@dataclass(frozen=True)
class GatewayAnswer:
    """What a host answered: its lines, as ``cemops observe`` records them, and what they say."""

    lines: tuple[str, ...]
    observed: ObservedGateway
    lock_failure: str | None = None
    """Why the host could not be locked, by whomever; None where it could, or nobody asked."""


class GatewayState(FactBase[GatewayAnswer]):
    """Everything the planner needs to know of a gateway (one remote command)."""

    abstract = False

    def command(  # noqa: PLR0913, PLR0917 - pyinfra passes a fact's arguments by name
        self,
        root: str,
        account: str,
        names: Sequence[str],
        fips: bool,
        unit: str,
        lab: bool,
        lock: Sequence[str] = (),
    ) -> StringCommand:
        """Return the command; ``names`` are resolved on the host (IG-13).

        ``lab``: names may resolve to loopback, so nobody will ask which of them does. ``lock``: what ``do_lock`` of
        ``locking.sh`` takes.
        """
        arguments = [root, account, "1" if fips else "0", unit, "1" if lab else "0", *names]
        words = [*_set("lock", root, "", "", "", *lock), f'\n(\n{_LOCK}\ndo_lock "$@"\n)\n'] if lock else []
        return StringCommand(*words, *_set(*arguments), f"\n{_OBSERVE}")

    def process(self, output: list[str]) -> GatewayAnswer:
        """Parse the answer; :class:`FactProcessError` where it is not complete."""
        try:
            observed = parse_gateway_state(output)
        except GatewayStateError as error:
            raise FactProcessError(str(error)) from error
        failures = [line.removeprefix(_FAILED) for line in output if line.startswith(_FAILED)]
        return GatewayAnswer(tuple(output), observed, failures[0] if failures else None)


def _set(*arguments: str) -> list[str | QuoteString]:
    return ["set", "--", *(QuoteString(argument) for argument in arguments)]
