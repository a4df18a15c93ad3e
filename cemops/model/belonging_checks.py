"""What belongs to which Notification Server: hierarchy, authorities, site servers, policies, packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model.hierarchy import upwards
from cemops.model.reference_problem import ReferenceProblem
from cemops.model.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.estate import Estate
    from cemops.model.reference_problem import DocumentPath


def parent_cycles(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find Notification Servers that are above themselves (NS-06)."""
    for i, server in enumerate(estate.notification_servers):
        chain = upwards(estate, server.name)
        if len(chain) > 1 and chain[-1] == server.name:
            yield ReferenceProblem(
                ("notification_servers", i, "parent"),
                f"{' > '.join(chain)} is a circle: one of them must have no parent",
                "NS-06",
            )


def root_authorities(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find root authorities that are no NS root, or the root of another NS (CE-01)."""
    others = set(estate.notification_server_by_name)
    for i, server in enumerate(estate.notification_servers):
        authority = estate.authorities.get(server.root_authority)
        if authority is None:
            continue
        path = ("notification_servers", i, "root_authority")
        if authority.kind != "ns-root":
            yield ReferenceProblem(
                path,
                f"{server.root_authority} is of kind {authority.kind}, but agents' certificates come from an"
                " ns-root: name an authority of that kind",
                "CE-01",
            )
        elif authority.notification_server in others - {server.name}:
            yield ReferenceProblem(
                path,
                f"{server.root_authority} is the root of {authority.notification_server}, not of"
                f" {server.name}: each Notification Server has its own",
                "CE-01",
            )


def internet_site_servers(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find Internet sites with a site server of another Notification Server (P-05)."""
    home = {server.name: server.notification_server for server in estate.site_servers}
    for i, site in enumerate(estate.internet_sites):
        for k, name in enumerate(site.site_servers):
            if home.get(name, site.notification_server) != site.notification_server:
                yield ReferenceProblem(
                    ("internet_sites", i, "site_servers", k),
                    f"{name} belongs to {home[name]}, and the site {shown(site.name)} to"
                    f" {site.notification_server}: name site servers of one Notification Server",
                    "P-05",
                )


def foreign_policies(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find packages and profiles with a policy that their Notification Server does not have.

    Policies replicate downwards (NS-06), so a server may use one of a server above it.
    """
    owners: dict[str, set[str]] = {}
    for policy in estate.policies:
        owners.setdefault(policy.name, set()).add(policy.notification_server)
    for path, name, user in _policy_users(estate):
        having = owners.get(name)
        if having is not None and not having & set(upwards(estate, user)):
            yield ReferenceProblem(
                path,
                f"the policy {shown(name)} belongs to {', '.join(sorted(having))}, and {user} gets none from"
                " there: name a policy of its own or of a server above it",
                "NS-06",
            )


def _policy_users(estate: Estate) -> Iterator[tuple[DocumentPath, str, str]]:
    """Give the place, the policy and the Notification Server of everything that names a policy."""
    for i, package in enumerate(estate.offline_packages):
        yield ("offline_packages", i, "policy"), package.policy, package.notification_server
    for i, profile in enumerate(estate.communication_profiles):
        if profile.policy is not None:
            yield ("communication_profiles", i, "policy"), profile.policy, profile.notification_server


def organizational_groups(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find packages with an organizational group that their NS does not declare (OP-01)."""
    groups = {server.name: server.organizational_groups for server in estate.notification_servers}
    for i, package in enumerate(estate.offline_packages):
        declared = groups.get(package.notification_server, ())
        for k, group in enumerate(package.organizational_groups):
            if declared and group not in declared:
                yield ReferenceProblem(
                    ("offline_packages", i, "organizational_groups", k),
                    f"{package.notification_server} has no organizational group {shown(group)}: declare it there,"
                    f" or use one of {', '.join(declared)}",
                    "OP-01",
                )
