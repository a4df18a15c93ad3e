"""What the sections of an estate say about each other must hold together: names, hierarchy, ports, platforms.

A pydantic model sees one section; these checks see them all. Every problem is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model import (
    allow_list_checks,
    belonging_checks,
    logon_checks,
    machine_checks,
    name_checks,
    shared_machines,
)
from cemops.model.reference_problem import DocumentPath, ReferenceProblem

if TYPE_CHECKING:
    from cemops.model.estate import Estate

__all__ = ["DocumentPath", "ReferenceProblem", "reference_problems"]

CHECKS = (
    name_checks.unknown_names,
    name_checks.duplicate_names,
    name_checks.reserved_names,
    belonging_checks.parent_cycles,
    belonging_checks.root_authorities,
    belonging_checks.internet_site_servers,
    belonging_checks.foreign_policies,
    belonging_checks.organizational_groups,
    allow_list_checks.listed_twice,
    allow_list_checks.settings_once,
    allow_list_checks.listed_without_port,
    allow_list_checks.console_ports,
    allow_list_checks.consoles_on_lists,
    allow_list_checks.clashing_targets,
    machine_checks.platforms,
    logon_checks.logons,
    machine_checks.listen_addresses,
    shared_machines.shared_folders,
    shared_machines.shared_ports,
)
"""Every check, in the order in which its problems are given."""


def reference_problems(estate: Estate) -> tuple[ReferenceProblem, ...]:
    """Give everything that does not hold together between the sections of an estate."""
    return tuple(problem for check in CHECKS for problem in check(estate))
