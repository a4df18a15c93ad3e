"""Settles a switch that an earlier apply left without its confirmation: confirmed if it works, else reverted."""

from __future__ import annotations

from cemops.errors import HostError
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_desired import live_trust
from cemops.execution.gateway_host import GatewayHost
from cemops.execution.gateway_transaction import KEPT_RELEASES
from cemops.execution.health_gate import HealthGate
from cemops.execution.outside_check import AgentsView
from cemops.model.observed import ObservedGateway

SETTLE_SECONDS = 120


def settle_pending(
    context: EstateContext, host: GatewayHost, observed: ObservedGateway, gate: HealthGate | None
) -> str:
    """Settle the pending switch; return a sentence that says how.

    It has to pass the health gate, where there is one, without excuses: nobody knows what failed before it.

    Raises HostError where the host cannot do it, and where what waits does not work but nothing better is left.
    """
    pending = observed.pending
    if pending is None:
        return "nothing waits for a confirmation"
    certificate = live_trust(observed).certificate
    if pending.release != observed.current or certificate is None:
        host.run("revert", [pending.token], seconds=SETTLE_SECONDS)
        return f"the unconfirmed switch to {pending.release} had been undone already"
    view = AgentsView.of(context, host.gateway)
    result = view.look(view.outside(), certificate.sha256)
    found = result.faults or _gate_faults(host, pending.token, gate, certificate.sha256)
    if found:
        lines = host.run("revert", [pending.token], seconds=SETTLE_SECONDS)
        failed, faults = "failed its check from outside and", "; ".join(found)
        if any(line.startswith("kept\t") for line in lines):
            raise HostError(
                host.name,
                f"the unconfirmed switch to {pending.release} {failed} stays, because the release before it no longer "
                f"works: {faults}. Mend what these say, then run apply again",
            )
        went = "was reverted" if not lines else "was settled meanwhile by its timer or another apply"
        return f"the unconfirmed switch to {pending.release} {failed} {went}: {faults}"
    try:
        host.run("confirm", [pending.token, KEPT_RELEASES], seconds=SETTLE_SECONDS)
    except HostError as error:
        if error.unreachable:
            raise
        return f"the unconfirmed switch to {pending.release} works from outside, but {error}"
    return f"the unconfirmed switch to {pending.release} works from outside and was confirmed"


def _gate_faults(host: GatewayHost, token: str, gate: HealthGate | None, thumbprint: str) -> tuple[str, ...]:
    if gate is None:
        return ()
    try:
        host.run("hold", [token, gate.seconds(host.name) + host.gateway.confirm_seconds], seconds=SETTLE_SECONDS)
    except HostError as error:
        if error.unreachable:
            raise
        return ()  # its timer has settled it: confirming finds that out
    return tuple(f"health gate: {fault}" for fault in gate.faults(host.name, thumbprint))
