"""What an SSH host presents as its identity, without logging on: to be compared by another way (DESIGN.md, Secrets)."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import paramiko

from cemops.execution.estate_context import EstateContext
from cemops.execution.ssh_connector import CONNECT_SECONDS, key_fingerprint
from cemops.model import topology
from cemops.model.connections import SshConnection

_KEY_TYPES = (
    ["ssh-ed25519"],
    ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"],
    ["rsa-sha2-512", "rsa-sha2-256"],
)


@dataclass(frozen=True)
class Identity:
    """A host and the fingerprints it presents, or why there are none."""

    host: str
    place: str
    fingerprints: tuple[str, ...]
    error: str | None = None


def presented_identities(context: EstateContext, names: Sequence[str]) -> Iterator[Identity]:
    """Yield what each host presents; one that cannot be reached has an error."""
    for name in names:
        connection = topology.gateway(context.estate, name).connection
        if isinstance(connection, SshConnection):
            yield _identity(name, str(connection.address), connection.port)


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
