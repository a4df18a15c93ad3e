"""Rules on ports that are never opened to the Internet (PT-05)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from cemops.model import topology
from cemops.rules.framework import Breach, Rule, Severity, Subject, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.estate import Estate
    from cemops.model.perimeter import Flow, FlowEnd
    from cemops.model.reference_problem import DocumentPath

TICKLE_PORTS = range(50120, 50125)
"""PT-05: ports of the task "tickle"."""
ADVICE = "ports 50120-50124 carry the task tickle and are never opened to the Internet"
INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""Networks that are not on the Internet: RFC 1918, 4193, 6598, loopback, link-local."""


@rule("CEM401", "A gateway opens a task port to the Internet", Severity.ERROR, "PT-05")
def tickle_on_gateway(subject: Subject) -> Iterator[Breach]:
    """The tickle ports are never opened to the Internet: not on a gateway, not on a load balancer."""
    for i, gateway in enumerate(subject.estate.gateways):
        if gateway.listen.port in TICKLE_PORTS:
            yield Breach(
                ("gateways", i, "listen", "port"),
                f"{gateway.name} listens on {gateway.listen.port}, but {ADVICE}: use another one",
            )
    for i, balancer in enumerate(subject.estate.load_balancers):
        for k, virtual in enumerate(balancer.virtual_servers):
            if virtual.port in TICKLE_PORTS:
                yield Breach(
                    ("load_balancers", i, "virtual_servers", k, "port"),
                    f"{balancer.name} opens {virtual.port}, but {ADVICE}: use another port, such as 443",
                )


@rule("CEM402", "A gateway tunnels to a task port", Severity.ERROR, "PT-05")
def tickle_on_list(subject: Subject) -> Iterator[Breach]:
    """A tunnel to a tickle port would open it to every agent on the Internet; tasks are polled instead."""
    for i, gateway in enumerate(subject.estate.gateways):
        for k, listed in enumerate(gateway.servers):
            target = topology.targets_of(subject.estate, listed)[0]
            if target.port in TICKLE_PORTS:
                yield Breach(
                    ("gateways", i, "servers", k),
                    f"{gateway.name} would tunnel to {target}, but {ADVICE}: give {target.server} another",
                )


@rule("CEM403", "A flow opens a task port to the Internet", Severity.ERROR, "PT-05")
def tickle_flow(subject: Subject) -> Iterator[Breach]:
    """A declared flow must not carry the tickle from or to the Internet; tasks are polled instead."""
    for i, flow in enumerate(subject.estate.perimeter.flows):
        port = _port(subject.estate, flow)
        if port in TICKLE_PORTS and (_is_internet(flow.source) or _is_internet(flow.to)):
            path: DocumentPath = ("perimeter", "flows", i)
            yield Breach(
                path if flow.port is None else (*path, "port"),
                f"this flow opens {port} to the Internet, but {ADVICE}: take it away, tasks are polled",
            )


def _port(estate: Estate, flow: Flow) -> int | None:
    """Give the port that a flow opens, as far as the file says it."""
    if flow.port is not None:
        return flow.port
    if flow.to.kind == "gateway":
        return topology.gateway(estate, flow.to.gateway).listen.port
    return None


def _is_internet(end: FlowEnd) -> bool:
    if end.kind != "network":
        return False
    network = ipaddress.ip_network(end.network)
    if isinstance(network, ipaddress.IPv4Network):
        return not any(isinstance(inside, ipaddress.IPv4Network) and network.subnet_of(inside) for inside in INSIDE)
    return not any(isinstance(inside, ipaddress.IPv6Network) and network.subnet_of(inside) for inside in INSIDE)


RULES: tuple[Rule, ...] = (tickle_on_gateway, tickle_on_list, tickle_flow)
