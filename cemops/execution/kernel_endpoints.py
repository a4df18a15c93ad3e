"""Where a gateway listens, as Linux writes it in /proc/net/tcp: for shell programs that look there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cemops.model.gateways import Listen


def kernel_endpoints(listen: Listen) -> Iterator[str]:
    """Yield ``ADDRESS:PORT`` in hex for each address, ``*:PORT`` for all of them."""
    for address in listen.addresses:
        yield f"{'*' if address == '*' else _kernel_hex(address)}:{listen.port:04X}"


def _kernel_hex(address: str) -> str:
    """Write an address in 32-bit words, each in the machine's (little-endian) order."""
    packed = ipaddress.ip_address(address).packed
    return "".join(packed[index : index + 4][::-1].hex() for index in range(0, len(packed), 4)).upper()
