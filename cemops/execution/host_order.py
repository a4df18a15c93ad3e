"""Hosts in the order of the estate: pyinfra keeps its active hosts in a set, and would switch gateways in any order."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory


def keep_order(inventory: Inventory, first: Sequence[str] = ()) -> None:
    """Make an inventory give its active hosts in the order of ``first``, then in that in which it was built."""
    place = {name: number for number, name in enumerate(first)}

    def in_order() -> list[Host]:
        active = [host for host in inventory if host in inventory.state.active_hosts]
        return sorted(active, key=lambda host: place.get(host.name, len(place)))

    vars(inventory)["get_active_hosts"] = in_order
