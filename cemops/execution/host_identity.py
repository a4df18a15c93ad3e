"""What a host presents as its identity, without logging on: to be compared by another way (DESIGN.md, Secrets)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import paramiko
from cryptography import x509

from cemops.errors import PkiError
from cemops.execution.estate_context import EstateContext
from cemops.execution.ssh_connector import CONNECT_SECONDS
from cemops.execution.ssh_host_keys import key_fingerprint
from cemops.model.connections import Connection, SshConnection, WinrmConnection
from cemops.model.estate import Estate
from cemops.model.gateways import Gateway
from cemops.model.notification_servers import NotificationServer
from cemops.model.security_manager_plus import SecurityManagerPlus
from cemops.model.site_servers import SiteServer
from cemops.pki.inspection import certificate_facts
from cemops.probe.handshake import presented_by
from cemops.rendering.terminal import visible

_KEY_TYPES = (
    ["ssh-ed25519"],
    ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"],
    ["rsa-sha2-512", "rsa-sha2-256"],
)


@dataclass(frozen=True)
class Identity:
    """A host and what it presents, or why that is nothing."""

    host: str
    place: str
    presented: tuple[str, ...]
    """Fingerprints of host keys; thumbprints, names and expiry of a WinRM endpoint's certificate."""
    error: str | None = None


def presented_identities(context: EstateContext, names: Sequence[str]) -> Iterator[Identity]:
    """Yield what each of the hosts that have a connection presents; one that cannot be reached has an error."""
    connections = dict(_connections(context.estate))
    for name in names:
        connection = connections.get(name)
        if isinstance(connection, SshConnection):
            yield _identity(name, str(connection.address), connection.port)
        elif isinstance(connection, WinrmConnection):
            yield _winrm_identity(name, connection)


def _connections(estate: Estate) -> Iterator[tuple[str, Connection]]:
    machines: tuple[NotificationServer | SiteServer | Gateway | SecurityManagerPlus, ...] = (
        *estate.notification_servers,
        *estate.site_servers,
        *estate.gateways,
        *estate.security_manager_plus,
    )
    for machine in machines:
        if machine.connection is not None:
            yield machine.name, machine.connection


def _winrm_identity(name: str, connection: WinrmConnection) -> Identity:
    place = f"{connection.address}:{connection.port}"
    if connection.allow_http:
        return Identity(name, place, (), f"{place} is spoken to without TLS (allow_http), and so presents nothing")
    try:
        address = str(connection.address)
        shown = presented_by(address, connection.port, address, CONNECT_SECONDS)
        facts = certificate_facts(x509.load_der_x509_certificate(shown.der if shown else b""), "the certificate")
    except ssl.SSLError as error:
        reason = f"{place} does not agree on TLS ({error.reason}): check that WinRM listens there with HTTPS"
        return Identity(name, place, (), reason)
    except OSError as error:
        return Identity(name, place, (), f"{place} cannot be reached ({error}): check address, port and firewall")
    except (PkiError, ValueError):
        return Identity(name, place, (), f"{place} presents a certificate that cannot be read: have it issued anew")
    presented = (
        f"thumbprint SHA-256 {facts.sha256}",
        f"thumbprint SHA-1 {facts.sha1}",
        f"subject {_one_line(facts.subject)}",
        f"issuer {_one_line(facts.issuer)}",
        f"valid until {facts.not_after:%Y-%m-%d %H:%M} UTC",
    )
    return Identity(name, place, presented)


def _one_line(text: str) -> str:
    return visible(text).replace("\n", "\\n")


def _identity(name: str, address: str, port: int) -> Identity:
    place = f"{address}:{port}"
    keys: list[str] = []
    for kinds in _KEY_TYPES:
        try:
            keys.append(_presented(address, port, kinds))
        except paramiko.ssh_exception.IncompatiblePeer:
            continue  # it has no key of this kind
        except (OSError, paramiko.SSHException, EOFError) as error:
            reason = f"{place} cannot be reached by SSH ({error}): check address, port and firewall"
            return Identity(name, place, tuple(keys), reason)
    return Identity(name, place, tuple(keys), None if keys else f"{place} presents no key of a kind known here")


def _presented(address: str, port: int, kinds: Sequence[str]) -> str:
    """Return fingerprint and type of the host key of one kind."""
    with socket.create_connection((address, port), timeout=CONNECT_SECONDS) as connection:
        transport = paramiko.Transport(connection)
        transport.banner_timeout = CONNECT_SECONDS
        try:
            transport.get_security_options().key_types = tuple(kinds)
            transport.start_client(timeout=CONNECT_SECONDS)
            key = transport.get_remote_server_key()
        finally:
            transport.close()
    return f"{key_fingerprint(key)} ({key.get_name()})"
