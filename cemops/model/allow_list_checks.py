"""The allow-lists of the gateways: servers once each, ports that exist, no console, no ambiguous name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model import topology
from cemops.model.reference_problem import ReferenceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.model.reference_problem import DocumentPath
    from cemops.model.site_servers import SiteServer
    from cemops.model.topology import Target


def listed_twice(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find servers that stand twice on one allow-list, and NSs that get status reports twice."""
    for i, gateway in enumerate(estate.gateways):
        seen: set[tuple[str, str]] = set()
        for k, listed in enumerate(gateway.servers):
            key = (listed.kind, listed.server)
            if key in seen:
                yield ReferenceProblem(
                    ("gateways", i, "servers", k, listed.kind),
                    f"{listed.server} is listed twice: keep one entry, with all its names in also_known_as",
                    "IG-02",
                )
            seen.add(key)
        reported: set[str] = set()
        for k, report in enumerate(gateway.status_reporting):
            if report.notification_server in reported:
                yield ReferenceProblem(
                    ("gateways", i, "status_reporting", k, "notification_server"),
                    f"status is reported to {report.notification_server} twice: keep one entry",
                    "IG-08",
                )
            reported.add(report.notification_server)


def listed_without_port(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find site servers on an allow-list that have no CEM port: CEM is off, or no settings are declared."""
    for i, gateway in enumerate(estate.gateways):
        for k, listed in enumerate(gateway.servers):
            if listed.kind != "site_server" or not topology.has_server(estate, listed):
                continue
            server = topology.site_server(estate, listed.server)
            path: DocumentPath = ("gateways", i, "servers", k, "site_server")
            if not _has_settings(estate, server):
                yield ReferenceProblem(
                    path,
                    f"the CEM port of {server.name} is not declared: add an entry for"
                    f" {server.notification_server} to site_server_settings, or enable overrides.web of"
                    f" {server.name}",
                    "SS-01",
                )
            elif not topology.effective_web(estate, server).cem.enabled:
                yield ReferenceProblem(
                    path,
                    f"{server.name} is listed, but its CEM binding is off: set cem.enabled to true, or take"
                    " the server off the list",
                    "IG-02",
                )


def settings_once(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find Notification Servers with two entries of global site server settings."""
    seen: set[str] = set()
    for i, settings in enumerate(estate.site_server_settings):
        name = settings.notification_server
        if name in seen:
            yield ReferenceProblem(
                ("site_server_settings", i, "notification_server"),
                f"{name} has two entries of site server settings: keep one",
                "SS-01",
            )
        seen.add(name)


def console_ports(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find agent sites, and CEM bindings on the NS's own machine, that take the console's port."""
    for i, ns in enumerate(estate.notification_servers):
        console = ns.console_site.port
        if ns.agent_site.port == console:
            yield ReferenceProblem(
                ("notification_servers", i, "agent_site", "port"),
                f"the agent site of {ns.name} is on the console's port {console}, which no gateway may list:"
                " give the agent site a port of its own, such as 4726",
                "IG-02",
            )
        for server in estate.site_servers:
            cem = topology.effective_web(estate, server).cem
            if server.fqdn == ns.fqdn and cem.enabled and cem.port == console:
                yield ReferenceProblem(
                    cem_port_path(estate, server),
                    f"{server.name} is on the machine of {ns.name}, and its CEM port {cem.port} is the"
                    " console's, which no gateway may list: give it another port",
                    "IG-02",
                )


def consoles_on_lists(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find entries that open a console by another server's name: a further name that is the NS's own."""
    consoles = {
        (name, ns.console_site.port): ns
        for ns in estate.notification_servers
        for name in (ns.fqdn, ns.agent_site.alternate_fqdn, *ns.aliases)
    }
    for i, gateway in enumerate(estate.gateways):
        for k, target in _targets_by_entry(estate, gateway):
            ns = consoles.get((target.host, target.port))
            # The server's own port is judged by console_ports, once and where it is declared.
            if ns is not None and target.host in gateway.servers[k].also_known_as and target.server != ns.name:
                yield ReferenceProblem(
                    ("gateways", i, "servers", k, "also_known_as"),
                    f"{target} is the console of {ns.name}, which no gateway may list: take the name away, or"
                    f" give {target.server} another port",
                    "IG-02",
                )


def cem_port_path(estate: Estate, server: SiteServer) -> DocumentPath:
    """Give the place of a site server's effective CEM port: its own override, or the settings of its NS."""
    override = server.overrides.web
    if override is None or not override.enabled:
        for i, settings in enumerate(estate.site_server_settings):
            if settings.notification_server == server.notification_server:
                return ("site_server_settings", i, "web", "cem", "port")
    return ("site_servers", estate.site_servers.index(server), "overrides", "web", "cem", "port")


def clashing_targets(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find a name and port that stand for two servers on one allow-list."""
    for i, gateway in enumerate(estate.gateways):
        owners: dict[str, Target] = {}
        for k, target in _targets_by_entry(estate, gateway):
            owner = owners.setdefault(str(target), target)
            if (owner.kind, owner.server) != (target.kind, target.server):
                yield ReferenceProblem(
                    ("gateways", i, "servers", k),
                    f"{target} stands for {owner.server} and for {target.server}: give one of them another"
                    " name or port",
                    "IG-02",
                )


def _targets_by_entry(estate: Estate, gateway: Gateway) -> Iterator[tuple[int, Target]]:
    for k, listed in enumerate(gateway.servers):
        if topology.has_server(estate, listed):
            for target in topology.targets_of(estate, listed):
                yield k, target


def _has_settings(estate: Estate, server: SiteServer) -> bool:
    override = server.overrides.web
    if override is not None and override.enabled:
        return True
    return topology.settings_of(estate, server.notification_server) is not None
