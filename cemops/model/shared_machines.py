"""Gateways on one machine: each needs a folder, a unit and a port of its own, or one would undo the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model.reference_problem import ReferenceProblem
from cemops.model.topology import UnknownNameError, dial_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway


def shared_folders(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find gateways that are one folder on one machine, or one unit: cemops has one unit for each host."""
    folders: dict[tuple[str, int, str], str] = {}
    units: dict[tuple[str, int], str] = {}
    for i, gateway in enumerate(estate.gateways):
        connection = gateway.connection
        if connection is None:
            continue
        machine = (connection.address, connection.port)
        other = folders.setdefault((*machine, _folder(gateway)), gateway.name)
        unit = units.setdefault(machine, gateway.name) if gateway.service.manager == "systemd" else gateway.name
        if other != gateway.name:
            yield ReferenceProblem(
                ("gateways", i, "root"),
                f"{gateway.name} and {other} are the same folder on the same machine: give one another root,"
                " or remove it",
            )
        elif unit != gateway.name:
            yield ReferenceProblem(
                ("gateways", i, "service", "manager"),
                f"{gateway.name} and {unit} are both the systemd unit of one machine, which has one such unit:"
                " write direct for one of them, or give it a machine of its own",
            )


def shared_ports(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find gateways that agents would reach at one address and port (IG-01): one of them never is."""
    first: dict[tuple[str, int], str] = {}
    for i, gateway in enumerate(estate.gateways):
        try:
            address = dial_address(gateway)
        except UnknownNameError:
            continue
        other = first.setdefault((address, gateway.listen.port), gateway.name)
        if other != gateway.name:
            yield ReferenceProblem(
                ("gateways", i, "listen", "port"),
                f"{gateway.name} and {other} are both reached at {_endpoint(address, gateway.listen.port)}, so one"
                " of them never is: give one another listen.port, or a public_address of its own",
                "IG-01",
            )


def _folder(gateway: Gateway) -> str:
    """Give the folder in one spelling: Windows does not tell upper from lower case."""
    if gateway.platform == "windows":
        return gateway.root.replace("/", "\\").rstrip("\\").casefold()
    return gateway.root.rstrip("/")


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
