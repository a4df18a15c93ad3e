"""Which gateways ``cemops gateway`` can work on."""

from __future__ import annotations

from typing import Annotated

import typer

from cemops.errors import CemopsError, UsageError
from cemops.execution.estate_context import EstateContext
from cemops.model.gateways import Gateway
from cemops.planning.managed import is_managed_gateway

Name = Annotated[str, typer.Argument(metavar="NAME", help="The gateway's name in the estate.", show_default=False)]


def gateway_of(context: EstateContext, name: str, *, counted: bool = True) -> Gateway:
    """Return the gateway of a name; UsageError for none, or (``counted``) for one that is not managed."""
    gateway = next((one for one in context.estate.gateways if one.name == name), None)
    if gateway is None:
        known = ", ".join(one.name for one in context.estate.gateways)
        raise UsageError(f"{name} is no gateway of the estate: choose from {known or 'none'}")
    unfit = not_for_cemops(gateway) if counted else None
    if unfit:
        raise CemopsError(f"{name} cannot be restored by cemops: {unfit}")
    return gateway


def not_for_cemops(gateway: Gateway) -> str | None:
    """Say why cemops can neither back a gateway up nor restore it; None where it can."""
    if not is_managed_gateway(gateway):
        return "it is not managed: declare a connection for it"
    return None
