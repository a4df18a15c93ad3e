"""Who a WinRM endpoint must be: checked in the TLS handshake, before a password or anything else is sent.

A pinned thumbprint admits exactly one certificate, whatever name is in it. Otherwise a chain to a CA (of the declared
file, else of the machine's trust store) and the dialled name or IP address in the certificate are demanded. There is
no third way: nothing turns the check off.
"""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cemops.errors import CemopsError
from cemops.execution.winrm_target import Traffic, WinrmTarget


def tls_context(target: WinrmTarget) -> ssl.SSLContext:
    """Return what the handshake demands, with the client's certificate where the logon is made by one.

    Raises CemopsError for a file that cannot be used.
    """
    try:
        if target.thumbprint is not None and target.ca_file is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no CA is asked: reading the system's takes 25 ms a host
        else:
            context = ssl.create_default_context(cafile=str(target.ca_file) if target.ca_file else None)
    except FileNotFoundError:
        raise CemopsError(f"the CA file {target.ca_file} does not exist: check server_certificate.ca_file") from None
    except OSError as error:  # ssl.SSLError is one
        raise CemopsError(
            f"the CA file {target.ca_file} cannot be read ({_reason(error)}): it must hold CA certificates as PEM"
        ) from None
    context.hostname_checks_common_name = False
    if target.thumbprint is not None:
        # The thumbprint alone decides; a chain or a name must not be able to refuse what it admits.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if target.authentication == "certificate":
        _load_client_certificate(context, target)
    return context


def _load_client_certificate(context: ssl.SSLContext, target: WinrmTarget) -> None:
    certificate, key = target.client_certificate, target.private_key_file
    if certificate is None or key is None:
        raise CemopsError("a logon by certificate needs client_certificate and private_key_file in the credential")
    passphrase = target.private_key_passphrase
    for path in (certificate, key):
        if not path.exists():
            raise CemopsError(f"{path} does not exist: check client_certificate and private_key_file of the credential")
    try:
        # Without a passphrase OpenSSL would ask on the terminal for that of an encrypted key: an empty one fails.
        context.load_cert_chain(certificate, key, passphrase.get_secret_value() if passphrase else "")
    except (OSError, ValueError) as error:
        raise CemopsError(
            f"the client certificate {certificate} cannot be used with the key {key} ({_reason(error)}): both must be"
            " PEM and belong together, and private_key_passphrase must fit the key"
        ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not readable as PEM"
    return getattr(error, "strerror", None) or type(error).__name__


class EndpointAdapter(HTTPAdapter):
    """Carries the requests of one endpoint: with its TLS demands, and counted."""

    def __init__(self, target: WinrmTarget, traffic: Traffic) -> None:
        self._traffic = traffic
        self._tls: dict[str, Any] = {}
        if not target.plain_http:
            self._tls = {"ssl_context": tls_context(target), "assert_fingerprint": target.thumbprint}
        super().__init__(max_retries=0)  # a request that may have arrived is never sent again

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: ANN401 - requests' signature
        """Make the connections of this endpoint the only ones."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs, **self._tls)
        self.poolmanager.pool_classes_by_scheme = _counted_pools(self._traffic)

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: Any,  # noqa: ANN401 - requests' signature
        cert: Any = None,  # noqa: ANN401 - requests' signature
    ) -> Any:  # noqa: ANN401 - requests' types of it are private
        """Let nothing but the context of this endpoint say what is believed."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leave the connection as the context made it: requests would add the CAs of certifi, or turn the check off."""

    def send(self, request: requests.PreparedRequest, *arguments: Any, **keywords: Any) -> requests.Response:  # noqa: ANN401 - requests' signature
        """Send one request, and count it; NTLM's come by here, too."""
        self._traffic.requests_sent += 1
        return super().send(request, *arguments, **keywords)


def _counted_pools(traffic: Traffic) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections count themselves and what they send."""

    class CountedConnection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            traffic.connections += 1

        def send(self, data: Any) -> None:  # noqa: ANN401 - http.client's signature
            traffic.bytes_sent += len(data)
            super().send(data)

    class CountedTlsConnection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            traffic.connections += 1

        def send(self, data: Any) -> None:  # noqa: ANN401 - http.client's signature
            traffic.bytes_sent += len(data)
            super().send(data)

    class Pool(HTTPConnectionPool):
        ConnectionCls = CountedConnection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = CountedTlsConnection

    return {"http": Pool, "https": TlsPool}
