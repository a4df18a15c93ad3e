"""Hosts in the order of the estate: pyinfra keeps its active hosts in a set, and would switch gateways in any order."""

from __future__ import annotations

from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory


def keep_order(inventory: Inventory) -> None:
    """Make an inventory give its active hosts in the order in which it was built."""

    def in_order() -> list[Host]:
        return [host for host in inventory if host in inventory.state.active_hosts]

    vars(inventory)["get_active_hosts"] = in_order
