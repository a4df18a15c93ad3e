"""What an HTTPS endpoint of a Windows server must present after an apply, seen from here by a TLS handshake."""

from __future__ import annotations

import hashlib
import socket
import ssl

from cryptography import x509

from tests.acceptance.accepted_estate import Endpoint, warned_of

DIAL_SECONDS = 10.0


def presented(endpoint: Endpoint) -> bytes:
    """The certificate, as DER, that a client of the endpoint gets; whom to believe is not the question here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    place = (str(endpoint.server.connection.address), endpoint.binding.port)
    with (
        socket.create_connection(place, timeout=DIAL_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=endpoint.server.fqdn) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def test_it_presents_the_declared_certificate_or_the_plan_says_that_it_keeps_another(endpoint: Endpoint) -> None:
    der = presented(endpoint)
    thumbprints = {
        hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        hashlib.sha256(der).hexdigest().upper(),
    }
    if endpoint.thumbprints and not thumbprints & set(endpoint.thumbprints):
        said = warned_of(endpoint.server.name)
        assert any(thumbprint in said for thumbprint in thumbprints), f"presents {thumbprints}; warnings: {said}"


def test_its_certificate_is_for_the_name_that_clients_use(endpoint: Endpoint) -> None:
    certificate = x509.load_der_x509_certificate(presented(endpoint))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert endpoint.server.fqdn.lower() in {name.lower() for name in names.get_values_for_type(x509.DNSName)}
