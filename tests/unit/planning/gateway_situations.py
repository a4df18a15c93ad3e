"""Situations for the gateway planner: facts, materials, a desired gateway, and a host that applies a plan in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.model.connections import SshConnection
from cemops.model.gateways import Gateway, ListedNotificationServer, Service
from cemops.model.observed import (
    ObservedCertificate,
    ObservedFile,
    ObservedGateway,
    ObservedHttpd,
    ObservedService,
)
from cemops.planning.certificate_choice import choose_certificate
from cemops.planning.desired_gateway import DesiredGateway
from cemops.planning.gateway import GatewayPlan
from cemops.planning.materials import AuthorityMaterial, GatewayCertificateMaterial, GatewayMaterials
from cemops.planning.release import RELEASE_FOLDER
from cemops.planning.revocation import LiveTrust
from cemops.planning.service import ServiceStep, sizing_text
from cemops.planning.sizing import gateway_sizing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FQDN = "gw1.northwind.example"
NAME = "ns1.corp.northwind.example"
ROOT = "/etc/cemops-gateway"


def certificate(letter: str = "A", **changes: Any) -> CertificateFacts:
    facts = CertificateFacts(
        pem=f"-----BEGIN CERTIFICATE-----\n{letter * 8}\n-----END CERTIFICATE-----\n",
        subject=f"CN={FQDN}",
        common_name=FQDN,
        dns_names=(FQDN,),
        issuer=f"CN={FQDN}",
        serial=1,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=365),
        sha1=letter * 40,
        sha256=letter * 64,
        public_key_sha256=letter.lower() * 64,
        key_type="EC P-256",
        is_ca=False,
        extended_key_usages=("1.3.6.1.5.5.7.3.1",),
    )
    return replace(facts, **changes)


def authority_certificate(letter: str = "C", **changes: Any) -> CertificateFacts:
    name = f"CN=Root {letter}"
    return certificate(
        letter, subject=name, issuer=name, common_name=f"Root {letter}", dns_names=(), is_ca=True, **changes
    )


def crl(letter: str = "C", **changes: Any) -> CrlFacts:
    facts = CrlFacts(
        pem=f"-----BEGIN X509 CRL-----\n{letter * 8}\n-----END X509 CRL-----\n",
        issuer=f"CN=Root {letter}",
        this_update=NOW - timedelta(days=1),
        next_update=NOW + timedelta(days=60),
        number=4,
        revoked=1,
        sha256=letter * 64,
        signed_by=letter * 64,
    )
    return replace(facts, **changes)


def material(letter: str = "C", **changes: Any) -> AuthorityMaterial:
    facts = AuthorityMaterial(
        f"root-{letter.lower()}", "external", authority_certificate(letter), crl(letter), common_name=f"Root {letter}"
    )
    return replace(facts, **changes)


def gateway(**changes: Any) -> Gateway:
    values: dict[str, Any] = {
        "name": "gw1",
        "fqdn": FQDN,
        "connection": SshConnection(transport="ssh", address="203.0.113.11", credential="gw-root"),
        "servers": (ListedNotificationServer(notification_server="ns1"),),
        "service": Service(manager="direct", account="cemgw"),
        "firewall": {"manage": False},
    }
    return Gateway(**{**values, **changes})


def observed(**changes: Any) -> ObservedGateway:
    """A host with httpd and nothing of ours."""
    found = ObservedGateway(
        clock=NOW,
        uid=0,
        httpd=ObservedHttpd("/usr/sbin/apache2", "/usr/lib/apache2/modules"),
        openssl="OpenSSL 3.0.19",
        fips_provider=None,
        account_exists=False,
        account_group=None,
        own_addresses=("127.0.0.1", "203.0.113.11"),
        current=None,
        resolved={NAME: ("10.20.0.10",)},
    )
    return replace(found, **changes)


def desired(
    here: ObservedGateway, live: LiveTrust, *, connections: int = 50, text: str = "Listen 443\n", **changes: Any
) -> DesiredGateway:
    """The desired gateway, chosen from what is live as the real composition does it."""
    gateway_material = GatewayCertificateMaterial("self_signed", certificate("A"), can_make=True)
    wanted = gateway(**changes)
    choice = choose_certificate(gateway_material, live.certificate, live.key_matches, wanted.fqdn, NOW)
    stem = choice.facts.sha256.lower() if choice.facts else None
    sizing = gateway_sizing(connections)
    configuration = (
        f"{text}ServerLimit {sizing.server_limit}\nThreadLimit {sizing.thread_limit}\n"
        f"ThreadsPerChild {sizing.threads_per_child}\n"
        f'SSLCertificateFile "{ROOT}/tls/{stem}.crt"\nSSLCACertificateFile "{ROOT}/releases/{RELEASE_FOLDER}/client-ca.pem"\n'
    )
    del here
    return DesiredGateway(
        gateway=wanted,
        files={"httpd.conf": configuration, "client-ca.pem": "CA C\n", "client-crl.pem": "CRL C\n"},
        choice=choice,
        certificate_stem=stem,
        certificate_pem=choice.facts.pem if choice.facts else None,
        materials=GatewayMaterials(wanted.name, (material("C"),), gateway_material),
        sizing=sizing,
        hosts=(NAME,),
    )


def applied(plan: GatewayPlan, here: ObservedGateway) -> tuple[ObservedGateway, LiveTrust]:
    """What the host holds after the transaction brought the plan to it."""
    wanted, release = plan.desired, plan.release
    assert wanted is not None
    assert release is not None
    stem = wanted.certificate_stem
    facts = wanted.choice.facts
    assert facts is not None
    files = {name: observed_file(text) for name, text in release.files.items()}
    started = here.service.running and plan.service is not ServiceStep.RESTART
    here = replace(
        here,
        account_exists=here.account_exists or plan.make_account,
        current=release.name,
        releases={**here.releases, release.name: files},
        live_files=dict(release.files),
        certificate=ObservedCertificate(
            f"{ROOT}/tls/{stem}.crt", f"{ROOT}/tls/{stem}.key", facts.pem, facts.public_key_sha256
        ),
        tls_files={
            **here.tls_files,
            f"{stem}.crt": observed_file(facts.pem),
            f"{stem}.key": observed_file("key", "400"),
        },
        service=ObservedService(
            running=True,
            pid=7,
            loaded=release.name,
            started_with=here.service.started_with if started else sizing_text(wanted.sizing),
        ),
        pending=None,
    )
    return here, LiveTrust((authority_certificate("C"),), (crl("C"),), facts, key_matches=True)


def observed_file(text: str, mode: str = "444") -> ObservedFile:
    return ObservedFile(hashlib.sha256(text.encode()).hexdigest(), mode, 0)


def touched(here: ObservedGateway, name: str, text: str) -> ObservedGateway:
    """The host after somebody wrote into a file of the live release."""
    assert here.current is not None
    live: Mapping[str, ObservedFile] = {**here.releases[here.current], name: observed_file(text)}
    return replace(here, releases={**here.releases, here.current: live}, live_files={**here.live_files, name: text})
