"""Logons: a WinRM connection and its credential together say all that the way of logging on needs."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from cemops.model.connections import WinrmConnection
from cemops.model.reference_problem import ReferenceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.credentials import Credential
    from cemops.model.estate import Estate
    from cemops.model.reference_problem import DocumentPath


def logons(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find WinRM connections that could not log on, or would do so in the open."""
    for here, connection in _connections(estate):
        yield from _protection(here, connection)
        credential = estate.credentials.get(connection.credential)
        if credential is not None:
            yield from _means(here, connection, credential)


def _connections(estate: Estate) -> Iterator[tuple[DocumentPath, WinrmConnection]]:
    for section in ("notification_servers", "site_servers", "gateways", "security_manager_plus"):
        for i, machine in enumerate(getattr(estate, section)):
            if isinstance(machine.connection, WinrmConnection):
                yield (section, i, "connection"), machine.connection


def _protection(here: DocumentPath, connection: WinrmConnection) -> Iterator[ReferenceProblem]:
    if not connection.allow_http:
        return
    if connection.authentication in {"basic", "certificate"}:
        yield ReferenceProblem(
            (*here, "allow_http"),
            f"without TLS only ntlm and kerberos encrypt what is sent, {connection.authentication} does not: remove"
            " allow_http",
        )
    if connection.server_certificate is not None:
        yield ReferenceProblem(
            (*here, "server_certificate"),
            "without TLS the host shows no certificate: remove allow_http, or server_certificate",
        )


def _means(here: DocumentPath, connection: WinrmConnection, credential: Credential) -> Iterator[ReferenceProblem]:
    name = connection.credential
    place = (*here, "credential")
    if connection.authentication in {"ntlm", "basic"} and credential.password is None:
        yield ReferenceProblem(place, f"WinRM needs a password, and the credential {name} has none: add password to it")
    if connection.authentication == "certificate" and None in (
        credential.client_certificate,
        credential.private_key_file,
    ):
        yield ReferenceProblem(
            place,
            f"a logon by certificate needs the certificate and its key: add client_certificate and private_key_file to"
            f" the credential {name}",
        )
    if connection.authentication == "kerberos" and _is_ip_address(connection.address):
        yield ReferenceProblem(
            (*here, "address"), "Kerberos knows hosts by name: write the FQDN that the domain has for this one"
        )


def _is_ip_address(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
