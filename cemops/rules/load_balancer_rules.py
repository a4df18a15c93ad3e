"""Rules on load balancers before gateways (C-06, C-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model import topology
from cemops.rules.framework import Breach, Rule, Severity, Subject, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPPORTED_KIND = "f5-bigip"
"""C-07: of load balancers only F5 BIG-IP is supported."""


@rule("CEM301", "A load balancer is not F5 BIG-IP", Severity.ERROR, "C-07")
def unsupported_kind(subject: Subject) -> Iterator[Breach]:
    """Agents balance the load themselves; of load balancers only F5 BIG-IP is supported."""
    for i, balancer in enumerate(subject.estate.load_balancers):
        if balancer.kind != SUPPORTED_KIND:
            behind = ", ".join(dict.fromkeys(virtual.gateway for virtual in balancer.virtual_servers))
            yield Breach(
                ("load_balancers", i, "kind"),
                f"{balancer.kind} is not supported before gateways{f' ({behind})' if behind else ''}: use"
                f" {SUPPORTED_KIND}, or none, since agents balance the load themselves",
            )


@rule("CEM302", "A load balancer does not pass TLS through", Severity.ERROR, "C-07")
def ends_tls(subject: Subject) -> Iterator[Breach]:
    """Nothing may end TLS between agent and gateway: the agent pins the gateway's certificate (C-01)."""
    for i, balancer in enumerate(subject.estate.load_balancers):
        if balancer.mode != "pass-through":
            yield Breach(
                ("load_balancers", i, "mode"),
                f"{balancer.name} does {balancer.mode}, but agents need the gateway's own TLS: write pass-through",
            )


@rule("CEM303", "A virtual server stands for two gateways", Severity.ERROR, "C-07")
def shared_virtual_server(subject: Subject) -> Iterator[Breach]:
    """One address and port leads to one gateway: agents pin one thumbprint for it."""
    owners: dict[tuple[str, int], str] = {}
    for i, balancer in enumerate(subject.estate.load_balancers):
        for k, virtual in enumerate(balancer.virtual_servers):
            owner = owners.setdefault((virtual.address, virtual.port), virtual.gateway)
            if owner != virtual.gateway:
                yield Breach(
                    ("load_balancers", i, "virtual_servers", k),
                    f"{virtual.address} port {virtual.port} leads to {owner} and to {virtual.gateway}, and"
                    " agents pin one thumbprint for it: give each gateway an address of its own",
                )


@rule("CEM304", "A virtual server has another port than its gateway", Severity.WARNING, "C-07")
def other_port(subject: Subject) -> Iterator[Breach]:
    """Policies carry the gateway's port (PO-01): agents dial that one, and do not find the load balancer."""
    for i, balancer in enumerate(subject.estate.load_balancers):
        for k, virtual in enumerate(balancer.virtual_servers):
            port = topology.gateway(subject.estate, virtual.gateway).listen.port
            if virtual.port != port:
                yield Breach(
                    ("load_balancers", i, "virtual_servers", k, "port"),
                    f"agents dial {virtual.gateway} on port {port}, not {virtual.port}: use one port",
                )


RULES: tuple[Rule, ...] = (unsupported_kind, ends_tls, shared_virtual_server, other_port)
