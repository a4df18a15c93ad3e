"""``cemops gateway drain``: what to take out of which policies, and waiting until no agent is connected."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from cemops.cli.gateway_names import Name, gateway_of, not_for_cemops
from cemops.cli.messages import say, say_error
from cemops.cli.options import EstateOption, context_of, time_of
from cemops.errors import CemopsError, HostError
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_run import EstateRun
from cemops.execution.gateway_desired import live_trust
from cemops.execution.gateway_drain import connections, wait_for_end
from cemops.execution.session import Session, connected
from cemops.model import topology
from cemops.model.gateways import Gateway
from cemops.model.observed import ObservedGateway
from cemops.pki.gateway_certificate import recorded_live
from cemops.planning.managed import is_windows_gateway
from cemops.rendering.drain_worksheet import Pinned, worksheet_document, worksheet_text

WAIT_SECONDS = 600
LONGEST_WAIT_SECONDS = 7 * 24 * 3600

Output = Annotated[Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")]


def drain(
    name: Name,
    *,
    estate: EstateOption = None,
    wait: Annotated[
        int,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0,
            max=LONGEST_WAIT_SECONDS,
            help="How long to wait for the tunnels to end.",
        ),
    ] = WAIT_SECONDS,
    output: Output = "text",
) -> None:
    """Say what to take out of which policies, then wait until no agent is connected any more.

    Exit code 0: none is, as with a gateway that does not serve at all, which is said; 1: some still are when the time
    is over, or they could not be counted.
    """
    context = context_of(estate)
    gateway = gateway_of(context, name, counted=False)
    policies = topology.policies_naming(context.estate, name)
    unfit = "the vendor's gateway on Windows has a log for that (IG-10)" if is_windows_gateway(gateway) else None
    unfit = unfit or not_for_cemops(gateway)
    left: int | None = None
    error = f"{name}: its tunnels are not counted: {unfit}" if unfit else None
    with connected(context, [] if unfit else [name], lambda _: None) as session:
        observed = _observed(context, session, name) if not unfit else None
        pinned = _pinned(context, gateway, observed)
        if output == "text":
            typer.echo(worksheet_text(gateway, policies, pinned))
        if not unfit:
            try:
                left = _waited(session, gateway, wait)
            except CemopsError as problem:
                error = str(problem)
    if output == "json":
        worksheet = worksheet_document(gateway, policies, pinned)
        serves = observed.service.running if observed is not None else None
        document = {"schema": 1, **worksheet, "serves": serves, "left": left, "error": error}
        typer.echo(json.dumps(document, indent=2))
    elif left == 0 and observed is not None and not observed.service.running:
        typer.echo(f"{name} does not serve: its httpd does not run, so no agent is connected")
    elif left == 0:
        typer.echo(f"{name}: no agent is connected")
    if error is not None:
        say_error(error)
    elif left:
        say_error(f"{name}: {left} still connected after {wait} s: wait longer, or see that the policies are changed")
    raise typer.Exit(0 if left == 0 else 1)


def _observed(context: EstateContext, session: Session, name: str) -> ObservedGateway | None:
    """Look once: the thumbprint that agents pin is the live one's. None where nothing can be seen."""
    run = EstateRun(context, time_of(None))
    run.observe_all(session.hosts)
    found = run.observations.get(name)
    return found.observed if found is not None else None


def _pinned(context: EstateContext, gateway: Gateway, observed: ObservedGateway | None) -> Pinned:
    """Take the live certificate's thumbprint, or where the host shows none what the last apply left there."""
    live = live_trust(observed).certificate if observed is not None else None
    if live is not None:
        return Pinned(live.sha1, live=True)
    recorded = recorded_live(context.estate, context.folder, gateway)
    return Pinned(recorded.sha1 if recorded is not None else None, observed=observed is not None)


def _waited(session: Session, gateway: Gateway, seconds: int) -> int:
    host = next((one for one in session.hosts if one.name == gateway.name), None)
    if host is None:
        raise HostError(gateway.name, session.errors.get(gateway.name, f"{gateway.name} cannot be reached"))
    return wait_for_end(
        lambda: connections(host, gateway), seconds, lambda left: say(f"{gateway.name}: connected agents: {left}")
    )
