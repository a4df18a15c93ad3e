"""Rules on authorities: what gateways and probe need of them to know and play agents, and encrypted keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model import topology
from cemops.rules.framework import Breach, Rule, Severity, Subject, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("CEM501", "An authority's key would be kept without a passphrase", Severity.ERROR, None)
def no_passphrase(subject: Subject) -> Iterator[Breach]:
    """Keys that cemops keeps are always encrypted: with the authority's own passphrase, or ``pki``'s."""
    if subject.estate.pki.passphrase is not None:
        return
    for name, authority in subject.estate.authorities.items():
        if authority.source == "local" and authority.passphrase is None:
            yield Breach(
                ("authorities", name),
                f"{name} has no passphrase for its key: add passphrase here, or pki.passphrase for all keys",
            )


@rule("CEM502", "A gateway cannot know a server's agents", Severity.ERROR, "C-01")
def no_root_certificate(subject: Subject) -> Iterator[Breach]:
    """A gateway requires client certificates issued by a known NS: it needs that root's certificate."""
    estate = subject.estate
    needed = dict.fromkeys(name for gateway in estate.gateways for name in topology.client_authorities(estate, gateway))
    for name in needed:
        authority = estate.authorities[name]
        if authority.source != "local" and authority.certificate is None:
            yield Breach(
                ("authorities", name),
                f"{name} has no certificate file, and gateways know agents by it: export it from the"
                " Notification Server and declare it as certificate",
            )


@rule("CEM503", "A root has no CRL", Severity.INFO, "CE-08")
def no_crl(subject: Subject) -> Iterator[Breach]:
    """Gateways do not learn of revocations by themselves: without a CRL a revoked agent still gets in."""
    estate = subject.estate
    needed = dict.fromkeys(name for gateway in estate.gateways for name in topology.client_authorities(estate, gateway))
    for name in needed:
        authority = estate.authorities[name]
        if authority.source != "local" and authority.crl is None:
            yield Breach(
                ("authorities", name),
                f"{name} declares no CRL, so gateways let its revoked agents in: add crl once one is made",
            )


@rule("CEM504", "Files of a local authority are not read", Severity.INFO, "CE-11")
def files_of_local(subject: Subject) -> Iterator[Breach]:
    """Cemops makes certificate and CRL of a local authority itself, below ``pki.folder``."""
    for name, authority in subject.estate.authorities.items():
        for key in ("certificate", "crl"):
            if authority.source == "local" and getattr(authority, key) is not None:
                yield Breach(
                    ("authorities", name, key),
                    f"{name} is local, so cemops makes its {key} and does not read this file: take it away",
                )


@rule("CEM505", "A gateway's key could not be kept", Severity.WARNING, None)
def no_passphrase_for_gateway(subject: Subject) -> Iterator[Breach]:
    """A key that has to be made for a gateway is kept encrypted, with ``pki.passphrase``.

    None has to be made where a fitting certificate is live already (IG-06), so this is no error yet.
    """
    if subject.estate.pki.passphrase is not None:
        return
    for i, gateway in enumerate(subject.estate.gateways):
        if gateway.layout == "httpd" and gateway.certificate.kind in ("self_signed", "issued_by"):
            yield Breach(
                ("gateways", i, "certificate"),
                f"there is no pki.passphrase to keep the key of {gateway.name} with, should one have to be"
                " made: add it",
            )


@rule("CEM506", "No tunnel can be opened as a server's agent", Severity.INFO, "C-04")
def no_probe_certificate(subject: Subject) -> Iterator[Breach]:
    """Only an authority whose key cemops keeps can issue it an agent's certificate; another agent's is declared."""
    estate = subject.estate
    listed = {
        entry.server for gateway in estate.gateways for entry in gateway.servers if entry.kind == "notification_server"
    }
    for i, server in enumerate(estate.notification_servers):
        authority = estate.authorities[server.root_authority]
        if server.name in listed and server.probe_certificate is None and authority.source != "local":
            yield Breach(
                ("notification_servers", i),
                f"apply and probe cannot open a tunnel as an agent of {server.name}, because {server.root_authority}"
                " is not local: declare probe_certificate, a .pfx of an agent's gateway certificate",
            )


RULES: tuple[Rule, ...] = (
    no_passphrase,
    no_root_certificate,
    no_crl,
    files_of_local,
    no_passphrase_for_gateway,
    no_probe_certificate,
)
