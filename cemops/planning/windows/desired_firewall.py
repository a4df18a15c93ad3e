"""What the Windows firewall of one machine must let in, derived from the estate.

A flow is allowed because it is declared, never by default (PT-07, PT-08). The agent site and the CEM port are open to
the gateways that list the server, the gateway's own port to everyone; the other web ports to everyone, because only
the perimeter knows what is inside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cemops.model import topology
from cemops.model.connections import Connection
from cemops.model.estate import Estate
from cemops.model.firewalls import GatewayFirewall, ServerFirewall, UnspecifiedRules
from cemops.model.gateways import Gateway
from cemops.model.notification_servers import NotificationServer
from cemops.model.perimeter import Flow, FlowEnd
from cemops.model.site_servers import SiteServer
from cemops.model.topology import ServerKind, UnknownNameError
from cemops.model.web import HTTP_PORT
from cemops.planning.changes import PlanWarning

SMB_PORT = 445
"""UNC codebases (SS-06)."""
TICKLE_PORTS = (50120, 50124)
"""PT-05: inside the network only, which is the perimeter's to see to."""

Machine = NotificationServer | SiteServer | Gateway


@dataclass(frozen=True)
class DesiredRule:
    """One inbound TCP rule; ``sources`` are networks, empty for anyone."""

    name: str
    purpose: str
    port: int
    fact: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class DesiredWindowsFirewall:
    """The rules of one machine, and what becomes of all others."""

    host: str
    manage: bool
    rules: tuple[DesiredRule, ...] = ()
    tolerated: tuple[tuple[int, int], ...] = ()
    """Further ports (first, last) that the estate gives a use: no rule is made for them, none is disabled."""
    unspecified: UnspecifiedRules = "report"
    keep: tuple[str, ...] = ()
    management_port: int | None = None
    """Where cemops itself comes in."""
    problems: tuple[str, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


@dataclass
class _Draft:
    """Rules as they are collected."""

    rules: list[DesiredRule] = field(default_factory=list)
    tolerated: list[tuple[int, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[PlanWarning] = field(default_factory=list)


def desired_windows_firewall(estate: Estate, machine: str) -> DesiredWindowsFirewall:
    """Return what the firewall of a Notification Server, site server or Windows gateway must let in.

    Raises UnknownNameError for a name that is none of them. Addresses that are needed and not declared are
    ``problems``.
    """
    found = _machine(estate, machine)
    firewall, connection = found.firewall, found.connection
    draft = _Draft()
    if isinstance(found, NotificationServer):
        _notification_server(estate, found, draft)
    elif isinstance(found, SiteServer):
        _site_server(estate, found, draft)
    else:
        draft.rules.append(DesiredRule("cemops-gateway", "agents to the Internet gateway", found.listen.port, "PT-01"))
    _administration(found.name, firewall, connection, draft)
    _flows(estate, found, draft)
    return DesiredWindowsFirewall(
        host=found.name,
        manage=firewall.manage,
        rules=tuple(draft.rules) if firewall.manage else (),
        tolerated=tuple(draft.tolerated),
        unspecified=firewall.unspecified_rules,
        keep=firewall.keep,
        management_port=None if connection is None else connection.port,
        problems=tuple(dict.fromkeys(draft.problems)) if firewall.manage else (),
        warnings=tuple(draft.warnings) if firewall.manage else (),
    )


def _machine(estate: Estate, name: str) -> Machine:
    servers: Iterable[Machine] = (*estate.notification_servers, *estate.site_servers, *estate.gateways)
    for machine in servers:
        if machine.name == name and not (isinstance(machine, Gateway) and machine.platform != "windows"):
            return machine
    raise UnknownNameError(f"there is no Windows machine {name}: declare it in one of the sections for machines")


def _notification_server(estate: Estate, server: NotificationServer, draft: _Draft) -> None:
    _from_gateways(
        estate,
        server,
        DesiredRule("cemops-agent-site", "gateways to the agent site", server.agent_site.port, "PT-02"),
        draft,
    )
    console = server.console_site
    draft.rules.append(DesiredRule("cemops-console", "console and NS web", console.port, "PT-04"))
    if not console.require_https:
        draft.rules.append(DesiredRule("cemops-http", "plain HTTP, as require_https is off", HTTP_PORT, "NS-03"))
    draft.tolerated.append(TICKLE_PORTS)


def _site_server(estate: Estate, server: SiteServer, draft: _Draft) -> None:
    web = topology.effective_web(estate, server)
    if web.cem.enabled:
        rule = DesiredRule("cemops-cem", "gateways to the CEM binding", web.cem.port, "PT-03")
        _from_gateways(estate, server, rule, draft)
    if web.https.enabled:
        draft.rules.append(DesiredRule("cemops-https", "intranet HTTPS", web.https.port, "SS-01"))
    if web.http.enabled:
        draft.rules.append(DesiredRule("cemops-http", "intranet HTTP", web.http.port, "SS-01"))
    if "task" in server.services:
        draft.tolerated.append(TICKLE_PORTS)
    if "package" in server.services and "unc" in server.package_service.codebases:
        draft.tolerated.append((SMB_PORT, SMB_PORT))


def _from_gateways(estate: Estate, server: NotificationServer | SiteServer, rule: DesiredRule, draft: _Draft) -> None:
    """Open a port to the gateways that list the server; where none does, to nobody."""
    kind: ServerKind = "notification_server" if isinstance(server, NotificationServer) else "site_server"
    listing = [
        gateway
        for gateway in estate.gateways
        if any(listed.kind == kind and listed.server == server.name for listed in gateway.servers)
    ]
    sources = _in_order(source for gateway in listing for source in _gateway_sources(gateway, draft))
    if sources:
        draft.rules.append(DesiredRule(rule.name, rule.purpose, rule.port, rule.fact, sources))


def _gateway_sources(gateway: Gateway, draft: _Draft) -> tuple[str, ...]:
    """Return where a gateway's tunnels come from."""
    if gateway.inside_addresses:
        return gateway.inside_addresses
    address = _address(gateway.connection)
    if address is None:
        draft.problems.append(
            f"the address from which gateway {gateway.name} opens its tunnels is not known, so no firewall can let "
            "them in: write it into its inside_addresses (PT-02)"
        )
        return ()
    return (address,)


def _address(connection: Connection | None) -> str | None:
    """Return the connection's address where it is an IP address: rules know no names."""
    if connection is None:
        return None
    try:
        return str(ipaddress.ip_address(connection.address))
    except ValueError:
        return None


def _administration(
    host: str, firewall: ServerFirewall | GatewayFirewall, connection: Connection | None, draft: _Draft
) -> None:
    port = firewall.admin_port or (connection.port if connection is not None else None)
    if port is None:
        return
    sources = firewall.admin_sources if isinstance(firewall, GatewayFirewall) else ()
    if isinstance(firewall, GatewayFirewall) and not sources:
        draft.tolerated.append((port, port))
        draft.warnings.append(
            PlanWarning(
                "no-admin-sources",
                f"{host} declares no firewall.admin_sources: rules that open the administration port {port} are left "
                "as they are; write the networks from which it is managed",
                "PT-08",
            )
        )
        return
    draft.rules.append(DesiredRule("cemops-admin", "administration", port, "PT-08", _in_order(sources)))


def _flows(estate: Estate, machine: Machine, draft: _Draft) -> None:
    """Add the declared flows that end at the machine: one rule for each port that is not open to all already."""
    wanted: dict[int, list[str]] = {}
    reasons: dict[int, list[str]] = {}
    for flow in estate.perimeter.flows:
        port = _flow_port(estate, machine, flow)
        if port is None or any(rule.port == port and not rule.sources for rule in draft.rules):
            continue
        wanted.setdefault(port, []).extend(_flow_sources(estate, flow.source, draft))
        reasons.setdefault(port, []).append(flow.reason)
    for port, sources in sorted(wanted.items()):
        open_already = {source for rule in draft.rules if rule.port == port for source in rule.sources}
        if set(sources) - open_already:
            purpose = f"declared: {', '.join(dict.fromkeys(reasons[port]))}"
            draft.rules.append(DesiredRule(f"cemops-flow-{port}", purpose, port, "PT-08", _in_order(sources)))


def _flow_port(estate: Estate, machine: Machine, flow: Flow) -> int | None:
    """Return the port that a flow opens on the machine, None where it does not end there."""
    end = flow.to
    if end.kind == "network":
        address = _address(machine.connection)
        inside = address is not None and ipaddress.ip_address(address) in ipaddress.ip_network(end.network)
        return flow.port if inside else None
    if _end_machine(estate, end) != machine:
        return None
    return flow.port or _usual_port(estate, machine, from_gateway=flow.source.kind == "gateway")


def _usual_port(estate: Estate, machine: Machine, *, from_gateway: bool) -> int:
    """Return a server's usual port: for gateways the one of their tunnels, for others its HTTPS port."""
    if isinstance(machine, Gateway):
        return machine.listen.port
    if isinstance(machine, NotificationServer):
        return machine.agent_site.port if from_gateway else machine.console_site.port
    web = topology.effective_web(estate, machine)
    return web.cem.port if from_gateway else web.https.port


def _end_machine(estate: Estate, end: FlowEnd) -> Machine | None:
    if end.kind == "gateway":
        return topology.gateway(estate, end.gateway)
    if end.kind == "notification_server":
        return topology.notification_server(estate, end.notification_server)
    if end.kind == "site_server":
        return topology.site_server(estate, end.site_server)
    return None


def _flow_sources(estate: Estate, end: FlowEnd, draft: _Draft) -> Iterator[str]:
    if end.kind == "network":
        yield end.network
        return
    machine = _end_machine(estate, end)
    if isinstance(machine, Gateway):
        yield from _gateway_sources(machine, draft)
        return
    address = _address(machine.connection) if machine is not None else None
    if machine is None or address is None:
        draft.problems.append(
            f"a flow comes from {machine.name if machine else 'nowhere'}, whose IP address is not known: write the "
            "flow with from: {network: ADDRESS} (PT-08)"
        )
        return
    yield address


def _in_order(sources: Iterable[str]) -> tuple[str, ...]:
    """Return networks in one spelling (a single host without prefix) and one order, each once."""
    networks = {ipaddress.ip_network(source) for source in sources}
    ordered = sorted(networks, key=lambda network: (network.version, network.network_address, network.prefixlen))
    return tuple(str(one.network_address) if one.num_addresses == 1 else str(one) for one in ordered)
