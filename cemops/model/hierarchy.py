"""Notification Servers above and below each other (NS-06)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cemops.model.estate import Estate


def upwards(estate: Estate, name: str) -> tuple[str, ...]:
    """Name a server and those above it, upwards; a circle ends where it closes."""
    servers = estate.notification_server_by_name
    chain = [name]
    while (server := servers.get(chain[-1])) is not None and server.parent is not None:
        chain.append(server.parent)
        if server.parent in chain[:-1]:
            break
    return tuple(chain)


def below(estate: Estate, name: str) -> tuple[str, ...]:
    """Name the servers below one, in the order of the file."""
    return tuple(
        server.name
        for server in estate.notification_servers
        if server.name != name and name in upwards(estate, server.name)[1:]
    )
