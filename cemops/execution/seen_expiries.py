"""What runs out on the hosts of a run, from their observations: nothing is asked of a host for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cemops.errors import CemopsError
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_desired import live_trust
from cemops.model.observed import ObservedGateway
from cemops.model.windows_observed import ObservedWindows
from cemops.planning.expiries import Expiry, binding_expiries, gateway_expiries
from cemops.planning.revocation import LiveTrust


def seen_expiries(context: EstateContext, observed: Mapping[str, Any]) -> Iterator[Expiry]:
    """Give what runs out, host by host; ``observed`` is what each kind of machine made of its host's answer."""
    gateways = {gateway.name: gateway for gateway in context.estate.gateways}
    for name, found in observed.items():
        if isinstance(found, ObservedGateway):
            yield from gateway_expiries(name, live_trust(found))
        elif isinstance(found, ObservedWindows) and name in gateways:
            yield from gateway_expiries(name, _windows_trust(context, name, found))
        elif isinstance(found, ObservedWindows):
            yield from binding_expiries(name, found)


def _windows_trust(context: EstateContext, name: str, observed: ObservedWindows) -> LiveTrust:
    """Read the trust of the vendor's gateway; where it is not installed as expected, nothing is known of it."""
    # Imported where it is needed: an estate without Windows gateways pays for none.
    from cemops.execution.windows_gateway_desired import found_trust  # noqa: PLC0415 - see above

    gateway = next(one for one in context.estate.gateways if one.name == name)
    try:
        return found_trust(context, gateway, observed).live
    except CemopsError:
        return LiveTrust()
