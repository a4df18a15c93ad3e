"""One TLS handshake with a server, to see who it says it is. Nothing is sent, so nothing has to be believed."""

from __future__ import annotations

import socket

from cemops.probe.presented import PresentedCertificate
from cemops.probe.tls import outer_context


def presented_by(address: str, port: int, name: str | None, seconds: float) -> PresentedCertificate | None:
    """Return the certificate that a server presents to ``name`` (SNI), None where it presents none. Raises OSError."""
    with (
        socket.create_connection((address, port), timeout=seconds) as connection,
        outer_context(None).wrap_socket(connection, server_hostname=name) as secured,
    ):
        der = secured.getpeercert(binary_form=True)
    return PresentedCertificate(der) if der else None
