"""Settles a switch that an earlier apply left without its confirmation: confirmed if it works, else reverted."""

from __future__ import annotations

from cemops.errors import HostError
from cemops.execution.gateway_desired import EstateContext, live_trust
from cemops.execution.gateway_host import GatewayHost
from cemops.execution.outside_check import AgentsView
from cemops.model.observed import ObservedGateway

SETTLE_SECONDS = 120
KEPT_RELEASES = 5


def settle_pending(context: EstateContext, host: GatewayHost, observed: ObservedGateway) -> str:
    """Settle the pending switch; return a sentence that says how. Raises HostError where the host cannot do it."""
    pending = observed.pending
    if pending is None:
        return "nothing waits for a confirmation"
    certificate = live_trust(observed).certificate
    if pending.release != observed.current or certificate is None:
        host.run("revert", [pending.token], seconds=SETTLE_SECONDS)
        return f"the unconfirmed switch to {pending.release} had been undone already"
    view = AgentsView.of(context, host.gateway)
    result = view.look(view.outside(), certificate.sha256)
    if result.faults:
        host.run("revert", [pending.token], seconds=SETTLE_SECONDS)
        faults = "; ".join(result.faults)
        return f"the unconfirmed switch to {pending.release} failed its check from outside and was reverted: {faults}"
    try:
        host.run("confirm", [pending.token, KEPT_RELEASES], seconds=SETTLE_SECONDS)
    except HostError as error:
        if error.unreachable:
            raise
        return f"the unconfirmed switch to {pending.release} works from outside, but {error}"
    return f"the unconfirmed switch to {pending.release} works from outside and was confirmed"
