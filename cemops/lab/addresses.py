"""Loopback addresses of a lab: a block of 127.0.0.0/8 of its own, so that several labs run side by side.

Every program of a lab listens on an address of its own block, on the very port that it would have in an
estate (4726, 47260) or a plain high one; nothing outside the machine can reach it, and no privilege is
needed.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from typing import TYPE_CHECKING

from cemops.errors import CemopsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FIRST = int(ipaddress.IPv4Address("127.16.0.0"))
_LAST = int(ipaddress.IPv4Address("127.240.0.0"))
_OUTSIDE = "127.15.255.254"
_ATTEMPTS = 64


def can_listen(address: str, port: int) -> bool:
    """Tell whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((address, port))
        except OSError:
            return False
    return True


def _block(folder: Path, attempt: int, size: int) -> int:
    digest = hashlib.sha256(f"{folder}\n{attempt}".encode()).digest()
    blocks = (_LAST - _FIRST) // size
    return _FIRST + int.from_bytes(digest[:8]) % blocks * size


def choose_addresses(folder: Path, ports: Sequence[tuple[int, ...]]) -> tuple[str, ...]:
    """Return one free loopback address for each entry of ``ports`` (the ports that will listen on it).

    The block follows from the folder's path, so a lab keeps its addresses from one ``up`` to the next
    unless something else has taken them. Raises CemopsError if no block is free, which a server that
    listens on one of the ports on all addresses brings about.
    """
    size = 8
    while size < len(ports) + 2:
        size *= 2
    taken: set[int] = set()
    for attempt in range(_ATTEMPTS):
        first = _block(folder, attempt, size) + 1
        addresses = tuple(str(ipaddress.IPv4Address(first + index)) for index in range(len(ports)))
        blocked = {
            port
            for address, wanted in zip(addresses, ports, strict=True)
            for port in wanted
            if not can_listen(address, port)
        }
        if not blocked:
            return addresses
        taken |= blocked
    raise CemopsError(
        f"no free loopback addresses for the lab: something on this machine listens on port "
        f"{', '.join(map(str, sorted(taken)))} on all addresses; end it first (`ss -ltnp` shows it)"
    )


def free_port(candidates: Sequence[int]) -> int:
    """Return the first candidate that no server holds on all addresses. Raises CemopsError if none is.

    Asks on an address outside all blocks: servers of other labs are on addresses of their own and in
    nobody's way.
    """
    for port in candidates:
        if can_listen(_OUTSIDE, port):
            return port
    raise CemopsError(f"ports {', '.join(map(str, candidates))} are all in use on this machine: free one of them")
