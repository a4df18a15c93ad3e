"""Dials an HTTPS endpoint of a Windows machine and compares the certificate that it presents."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from cemops.probe.handshake import presented_by

DIAL_SECONDS = 10.0
ALL_ADDRESSES = ("0.0.0.0", "[::]")  # noqa: S104 - as http.sys writes them


@dataclass(frozen=True)
class EndpointResult:
    """``fault``: it serves something else, or nothing. ``unproven``: it could not be dialled from here."""

    fault: str | None = None
    unproven: str | None = None


def presented_fault(machine: str, kind: str, endpoint: str, thumbprint: str) -> EndpointResult:
    """Dial an endpoint of http.sys (``ipport``: address and port; ``hostnameport``: SNI name and port).

    A refused connection is a fault, since the machine answers; silence is not, since a firewall may lie between.
    """
    host, _, port = endpoint.rpartition(":")
    by_name = kind == "hostnameport"
    address = machine if by_name or host in ALL_ADDRESSES else host.strip("[]")
    place = f"{address}:{port}" + (f" (name {host})" if by_name else "")
    try:
        shown = presented_by(address, int(port), host if by_name else None, DIAL_SECONDS)
    except (ConnectionError, ssl.SSLError) as error:
        reason = error.strerror or type(error).__name__
        return EndpointResult(fault=f"{place} does not serve TLS after the change ({reason})")
    except (OSError, ValueError) as error:
        return EndpointResult(unproven=f"{place} could not be dialled from here ({error}): not proven from outside")
    if shown is None or not shown.matches(thumbprint):
        presented = shown.thumbprint_like(thumbprint) if shown else "no certificate"
        return EndpointResult(fault=f"{place} presents {presented}, not {thumbprint}")
    return EndpointResult()
