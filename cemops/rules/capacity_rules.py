"""Rules on what a gateway carries (IG-04) and reports (IG-08)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model.counting import counted
from cemops.rules.framework import Breach, Rule, Severity, Subject, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

HIGHEST_CONNECTIONS = 15_000
"""IG-04 [W22]."""
LOWER_CONNECTIONS = 3_000
"""IG-04 [W17, SSL]."""
HIGHEST_ENDPOINTS = 35_000
"""IG-04 [W17], the only limit that a source gives."""
SHORTEST_INTERVAL_MINUTES = 15
"""IG-08."""
LONGEST_INTERVAL_MINUTES = 1440
"""IG-08."""


@rule("CEM121", "More concurrent connections than any source allows", Severity.ERROR, "IG-04")
def too_many_connections(subject: Subject) -> Iterator[Breach]:
    """15,000 concurrent connections is the highest limit [W22]."""
    for i, gateway in enumerate(subject.estate.gateways):
        count = gateway.capacity.concurrent_connections
        if count > HIGHEST_CONNECTIONS:
            yield Breach(
                ("gateways", i, "capacity", "concurrent_connections"),
                f"{gateway.name} is to carry {count:,} connections, and {HIGHEST_CONNECTIONS:,} is the"
                " highest limit of any source: lower it, and add a gateway",
            )


@rule("CEM122", "More concurrent connections than older sources allow", Severity.WARNING, "IG-04")
def many_connections(subject: Subject) -> Iterator[Breach]:
    """3,000 concurrent connections is the limit of the older sources [W17, SSL]."""
    for i, gateway in enumerate(subject.estate.gateways):
        count = gateway.capacity.concurrent_connections
        if LOWER_CONNECTIONS < count <= HIGHEST_CONNECTIONS:
            yield Breach(
                ("gateways", i, "capacity", "concurrent_connections"),
                f"{gateway.name} is to carry {count:,} connections: the 8.6 paper allows"
                f" {HIGHEST_CONNECTIONS:,}, older sources {LOWER_CONNECTIONS:,}; make sure that it runs 8.6"
                " or stock httpd, or add gateways",
            )


@rule("CEM123", "More endpoints than the source allows", Severity.ERROR, "IG-04")
def too_many_endpoints(subject: Subject) -> Iterator[Breach]:
    """35,000 endpoints is the only limit that is given [W17]."""
    for i, gateway in enumerate(subject.estate.gateways):
        count = gateway.capacity.endpoints
        if count > HIGHEST_ENDPOINTS:
            yield Breach(
                ("gateways", i, "capacity", "endpoints"),
                f"{gateway.name} is to serve {count:,} endpoints, and {HIGHEST_ENDPOINTS:,} is the limit:"
                " lower it, and add a gateway",
            )


@rule("CEM124", "A status interval is out of range", Severity.ERROR, "IG-08")
def status_interval(subject: Subject) -> Iterator[Breach]:
    """Status is reported every 15 to 1440 minutes."""
    for i, gateway in enumerate(subject.estate.gateways):
        for k, report in enumerate(gateway.status_reporting):
            minutes = report.interval_minutes
            if not SHORTEST_INTERVAL_MINUTES <= minutes <= LONGEST_INTERVAL_MINUTES:
                yield Breach(
                    ("gateways", i, "status_reporting", k, "interval_minutes"),
                    f"an interval of {counted(minutes, 'minute')} is not possible: write"
                    f" {SHORTEST_INTERVAL_MINUTES} to {LONGEST_INTERVAL_MINUTES}",
                )


@rule("CEM125", "Status goes to a server that is not listed", Severity.ERROR, "IG-08")
def status_to_unlisted(subject: Subject) -> Iterator[Breach]:
    """A gateway reports to Notification Servers that it serves."""
    for i, gateway in enumerate(subject.estate.gateways):
        listed = {entry.server for entry in gateway.servers if entry.kind == "notification_server"}
        for k, report in enumerate(gateway.status_reporting):
            if report.notification_server not in listed:
                yield Breach(
                    ("gateways", i, "status_reporting", k, "notification_server"),
                    f"{gateway.name} does not list {report.notification_server}, so it cannot report to it:"
                    " add it to servers, or take the report away",
                )


RULES: tuple[Rule, ...] = (
    too_many_connections,
    many_connections,
    too_many_endpoints,
    status_interval,
    status_to_unlisted,
)
