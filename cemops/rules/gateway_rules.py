"""Rules on gateways: redundancy (IG-03), lists against policies (IG-02, IG-03), ports (IG-01)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model.hierarchy import below
from cemops.model.text import shown
from cemops.rules.framework import Breach, Rule, Severity, Subject, rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECOMMENDED_GATEWAYS = 2
"""IG-03."""


@rule("CEM101", "A policy names fewer than two gateways", Severity.WARNING, "IG-03")
def lone_gateway_of_policy(subject: Subject) -> Iterator[Breach]:
    """At least two gateways are recommended: a dead one is set aside by agents for an hour (C-07)."""
    for i, policy in enumerate(subject.estate.policies):
        count = len(set(policy.gateways))
        if policy.enabled and count < RECOMMENDED_GATEWAYS:
            named = "no gateway" if count == 0 else f"only {policy.gateways[0]}"
            yield Breach(
                ("policies", i, "gateways"),
                f"the policy {shown(policy.name)} names {named}: name at least two, so that agents stay connected"
                " when one is down",
            )


@rule("CEM102", "A Notification Server is served by one gateway", Severity.WARNING, "IG-03")
def lone_gateway_of_server(subject: Subject) -> Iterator[Breach]:
    """At least two gateways are recommended; judged by the allow-lists where no policy says it (CEM101)."""
    estate = subject.estate
    lists = _lists(subject)
    with_policy = {policy.notification_server for policy in estate.policies if policy.enabled}
    for i, server in enumerate(estate.notification_servers):
        listing = _listing(lists, server.name)
        if len(listing) == 1 and server.name not in with_policy:
            yield Breach(
                ("notification_servers", i),
                f"only {listing[0]} lists {server.name}: list it on at least two gateways",
            )


@rule("CEM103", "A policy names a gateway that does not list its server", Severity.ERROR, "IG-03")
def unlisted_server_of_policy(subject: Subject) -> Iterator[Breach]:
    """Agents that a policy sends to a gateway must find their Notification Server on its list."""
    lists = _lists(subject)
    for i, policy in enumerate(subject.estate.policies):
        for k, name in enumerate(policy.gateways):
            if ("notification_server", policy.notification_server) not in lists[name]:
                yield Breach(
                    ("policies", i, "gateways", k),
                    f"{name} does not list {policy.notification_server}, so agents with this policy reach"
                    f" nothing through it: add {policy.notification_server} to the servers of {name}",
                )


@rule("CEM104", "A gateway does not list a server below the policy's", Severity.WARNING, "NS-06")
def unlisted_server_below(subject: Subject) -> Iterator[Breach]:
    """Gateway lists replicate downwards: agents of the servers below are sent to these gateways, too."""
    lists = _lists(subject)
    for i, policy in enumerate(subject.estate.policies):
        for child in below(subject.estate, policy.notification_server) if policy.enabled else ():
            for k, name in enumerate(policy.gateways):
                if ("notification_server", child) not in lists[name]:
                    yield Breach(
                        ("policies", i, "gateways", k),
                        f"{name} does not list {child}, which is below {policy.notification_server} and gets"
                        f" this policy from it: add {child} to the servers of {name}",
                    )


@rule("CEM105", "An Internet site server is missing on a gateway", Severity.WARNING, "IG-02")
def unlisted_site_server(subject: Subject) -> Iterator[Breach]:
    """Agents ask for the site servers of their Internet site through whichever gateway comes next (C-07)."""
    estate = subject.estate
    lists = _lists(subject)
    for i, site in enumerate(estate.internet_sites):
        gateways = dict.fromkeys(
            name
            for policy in estate.policies
            if policy.enabled and policy.notification_server == site.notification_server
            for name in policy.gateways
        )
        for k, server in enumerate(site.site_servers):
            lacking = [name for name in gateways if ("site_server", server) not in lists[name]]
            if lacking:
                yield Breach(
                    ("internet_sites", i, "site_servers", k),
                    f"{server} serves agents on the Internet, but {', '.join(lacking)}"
                    f" {'does' if len(lacking) == 1 else 'do'} not list it: add it to the servers there",
                )


@rule("CEM106", "A gateway lists no server", Severity.WARNING, "IG-02")
def empty_list(subject: Subject) -> Iterator[Breach]:
    """A gateway without an allow-list lets nothing through."""
    for i, gateway in enumerate(subject.estate.gateways):
        if not gateway.servers:
            yield Breach(
                ("gateways", i, "servers"),
                f"{gateway.name} lists no server, so agents reach nothing through it: add servers",
            )


@rule("CEM107", "Two gateways have one name and port", Severity.WARNING, "PO-01")
def same_name(subject: Subject) -> Iterator[Breach]:
    """A policy knows a gateway by FQDN and port and pins one thumbprint for it."""
    first: dict[tuple[str, int], str] = {}
    for i, gateway in enumerate(subject.estate.gateways):
        other = first.setdefault((gateway.fqdn, gateway.listen.port), gateway.name)
        if other != gateway.name:
            yield Breach(
                ("gateways", i, "fqdn"),
                f"{gateway.name} and {other} are both {gateway.fqdn}:{gateway.listen.port}, and agents pin"
                " one thumbprint for it: give each gateway a name of its own",
            )


@rule("CEM108", "A gateway listens where it is managed", Severity.ERROR, "IG-01")
def listens_on_admin_port(subject: Subject) -> Iterator[Breach]:
    """One port of one address belongs to one service."""
    for i, gateway in enumerate(subject.estate.gateways):
        connection = gateway.connection
        if connection is None or gateway.public_address not in (None, connection.address):
            continue
        addresses = gateway.listen.addresses
        if gateway.listen.port == connection.port and ("*" in addresses or connection.address in addresses):
            yield Breach(
                ("gateways", i, "listen", "port"),
                f"{gateway.name} is to listen on port {connection.port}, where {connection.transport} answers"
                " already: give one of them another port",
            )


@rule("CEM109", "The vendor's gateway listens on several addresses", Severity.WARNING, "IG-01")
def several_addresses(subject: Subject) -> Iterator[Breach]:
    """The vendor's gateway listens on one address or on all; more means editing its Apache configuration."""
    for i, gateway in enumerate(subject.estate.gateways):
        if gateway.layout != "httpd" and len(gateway.listen.addresses) > 1:
            yield Breach(
                ("gateways", i, "listen", "addresses"),
                f'{gateway.layout} listens on one address or on all: write one address, or "*"',
            )


@rule("CEM110", "A gateway has no address", Severity.WARNING, None)
def no_address(subject: Subject) -> Iterator[Breach]:
    """Probe and outside check dial an address, never a name of the operator's DNS."""
    for i, gateway in enumerate(subject.estate.gateways):
        if gateway.connection is None and gateway.public_address is None:
            yield Breach(
                ("gateways", i),
                f"{gateway.name} has neither connection nor public_address, so it can be neither managed nor"
                " probed: add public_address",
            )


def _lists(subject: Subject) -> dict[str, frozenset[tuple[str, str]]]:
    """Give what each gateway lists, as kind and name."""
    return {
        gateway.name: frozenset((listed.kind, listed.server) for listed in gateway.servers)
        for gateway in subject.estate.gateways
    }


def _listing(lists: Mapping[str, frozenset[tuple[str, str]]], server: str) -> list[str]:
    """Name the gateways that list a Notification Server."""
    return [name for name, listed in lists.items() if ("notification_server", server) in listed]


RULES: tuple[Rule, ...] = (
    lone_gateway_of_policy,
    lone_gateway_of_server,
    unlisted_server_of_policy,
    unlisted_server_below,
    unlisted_site_server,
    empty_list,
    same_name,
    listens_on_admin_port,
    several_addresses,
    no_address,
)
