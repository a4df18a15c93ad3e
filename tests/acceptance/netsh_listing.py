"""What ``netsh http show sslcert`` prints, by what it has in every language: endpoints and hexadecimal digits."""

from __future__ import annotations

import re

_ENDPOINT = re.compile(r": (?P<host>\S+):(?P<port>\d{1,5})\s*$")
_HASH = re.compile(r": (?P<hash>[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40})\s*$")


def certificates_by_endpoint(listing: str) -> dict[str, str]:
    """Thumbprints (upper case) by endpoint (``0.0.0.0:443``, ``[::]:443``, ``host.example:443``); labels are localized."""
    found: dict[str, str] = {}
    endpoint = ""
    for line in listing.splitlines():
        if place := _ENDPOINT.search(line):
            endpoint = f"{place['host'].lower()}:{place['port']}"
        elif endpoint and (digits := _HASH.search(line)):
            found[endpoint] = digits["hash"].upper()
            endpoint = ""
    return found
