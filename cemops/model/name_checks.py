"""Names: each stands for exactly one thing, and every name that is used stands for something."""

from __future__ import annotations

import difflib
from collections import defaultdict
from typing import TYPE_CHECKING

from cemops.model.reference_problem import ReferenceProblem
from cemops.model.referenced_names import SECTIONS, references
from cemops.model.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cemops.model.estate import Estate
    from cemops.model.reference_problem import DocumentPath
    from cemops.model.referenced_names import Kind

MACHINE_SECTIONS = ("notification_servers", "site_servers", "gateways", "security_manager_plus")
LISTS_OF_SERVERS = ("servers", "status_reporting")
"""The keys of a gateway that hold a list whose entries name one server each."""
RESERVED_HOST_NAMES = frozenset({"all", *MACHINE_SECTIONS})
"""``--limit`` takes hosts and groups; these are groups."""


def unknown_names(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find names that stand for nothing, and name the nearest one that does."""
    declared = _declared_names(estate)
    found = tuple(references(estate))
    written: defaultdict[DocumentPath, set[str]] = defaultdict(set)
    for reference in found:
        written[list_around(reference.path)].add(reference.name)
    for reference in found:
        names = declared[reference.kind]
        if reference.name not in names:
            around = list_around(reference.path)
            # A name stands once in a list: one that is there already was not meant.
            free = [name for name in names if not around or name not in written[around]]
            declare = f"declare it in {SECTIONS[reference.kind]}{', or remove it here' if around else ''}"
            advice = nearest(reference.name, free) or declare
            yield ReferenceProblem(reference.path, f"there is no {reference.kind} {shown(reference.name)}: {advice}")


def list_around(path: DocumentPath) -> DocumentPath:
    """Give the place of the list of names that a reference is an entry of; empty where it is none."""
    if isinstance(path[-1], int):
        return path[:-1]
    return path[:-2] if path[0] == "gateways" and path[2] in LISTS_OF_SERVERS else ()


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Give advice that names the nearest of ``names``, None where none is near."""
    by_folded = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f"did you mean {by_folded[near[0]]!r}?" if near else None


def _declared_names(estate: Estate) -> dict[Kind, dict[str, None]]:
    """Give the declared names of each kind, in order and quick to look up."""
    return {
        "credential": dict.fromkeys(estate.credentials),
        "authority": dict.fromkeys(estate.authorities),
        "resource target": dict.fromkeys(target.name for target in estate.resource_targets),
        "Notification Server": dict.fromkeys(estate.notification_server_by_name),
        "site server": dict.fromkeys(estate.site_server_by_name),
        "gateway": dict.fromkeys(gateway.name for gateway in estate.gateways),
        "policy": dict.fromkeys(policy.name for policy in estate.policies),
    }


def duplicate_names(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find names that are given twice: machines over all sections (``--limit``), the others in their own."""
    yield from _twice(_machine_names(estate))
    for section in ("resource_targets", "load_balancers", "communication_profiles", "change_windows"):
        entries = getattr(estate, section)
        yield from _twice(((section, i, "name"), entry.name) for i, entry in enumerate(entries))
    yield from _twice(
        (("offline_packages", i, "installation_name"), package.installation_name)
        for i, package in enumerate(estate.offline_packages)
    )
    for i, server in enumerate(estate.security_manager_plus):
        yield from _twice(
            (("security_manager_plus", i, "customers", k, "name"), customer.name)
            for k, customer in enumerate(server.customers)
        )
    # Every NS has its own "Default Internet Site" (P-05), and policies of independent NSs may be named alike.
    for ns in dict.fromkeys(site.notification_server for site in estate.internet_sites):
        yield from _twice(
            (("internet_sites", i, "name"), site.name)
            for i, site in enumerate(estate.internet_sites)
            if site.notification_server == ns
        )
    for ns in dict.fromkeys(policy.notification_server for policy in estate.policies):
        yield from _twice(
            (("policies", i, "name"), policy.name)
            for i, policy in enumerate(estate.policies)
            if policy.notification_server == ns
        )


def reserved_names(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find machines that are named like a group of ``--limit``."""
    for path, name in _machine_names(estate):
        if name.casefold() in RESERVED_HOST_NAMES:
            yield ReferenceProblem(
                path, f"a machine cannot be named {shown(name)}, which is a group of --limit: choose another name"
            )


def _machine_names(estate: Estate) -> Iterator[tuple[DocumentPath, str]]:
    for section in MACHINE_SECTIONS:
        for i, machine in enumerate(getattr(estate, section)):
            yield (section, i, "name"), machine.name


def _twice(named: Iterable[tuple[DocumentPath, str]]) -> Iterator[ReferenceProblem]:
    first: dict[str, DocumentPath] = {}
    for path, name in named:
        before = first.setdefault(name.casefold(), path)
        if before != path:
            place = f"{before[0]}[{before[1]}]"
            yield ReferenceProblem(path, f"the name {shown(name)} is already given to {place}: choose another name")
