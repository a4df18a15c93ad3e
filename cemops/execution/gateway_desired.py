"""Puts together what a gateway should be: the estate, what PKI holds, and the rendered configuration."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cemops.errors import PkiError
from cemops.execution.estate_context import EstateContext
from cemops.model import topology
from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.model.estate import Estate
from cemops.model.gateways import Gateway
from cemops.model.observed import ObservedGateway
from cemops.pki.gateway_materials import gateway_materials
from cemops.pki.inspection import certificate_facts, certificates_from_bytes, crl_facts, crl_from_bytes
from cemops.planning.certificate_choice import CertificateChoice, choose_certificate
from cemops.planning.changes import KNOWN_AFTER_APPLY
from cemops.planning.desired_gateway import CLIENT_CA, CLIENT_CRL, CONFIGURATION, DesiredGateway
from cemops.planning.lockout import surroundings
from cemops.planning.materials import AuthorityMaterial, GatewayMaterials
from cemops.planning.release import RELEASE_FOLDER
from cemops.planning.revocation import LiveTrust
from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_httpd import ADDRESSES_OF_THE_MACHINE_ITSELF, HttpdInputs, render_httpd_conf
from cemops.rendering.gateway_rehearsal import RehearsalPlace, rehearsed_conf
from cemops.rendering.gateway_unit import GatewayUnitInputs, render_gateway_unit

REHEARSAL_CONNECTIONS = 20
"""The rehearsal answers a few checks; it must not start the whole capacity a second time."""
_CRL_END = "-----END X509 CRL-----"


def live_trust(observed: ObservedGateway) -> LiveTrust:
    """Read the certificates and CRLs of the live release. What cannot be read (a damaged file) counts as absent."""
    authorities = certificates_in(observed.live_files.get(CLIENT_CA))
    found = observed.certificate
    leaf = certificates_in(found.pem if found else None)[:1]
    certificate = leaf[0] if leaf else None
    matches = certificate is not None and found is not None and found.key_public_sha256 == certificate.public_key_sha256
    return LiveTrust(authorities, crls_in(observed.live_files.get(CLIENT_CRL), authorities), certificate, matches)


def certificates_in(pem: str | None) -> tuple[CertificateFacts, ...]:
    """Read the certificates of a PEM text; none where it is missing or damaged."""
    if not pem:
        return ()
    try:
        return tuple(certificate_facts(found) for found in certificates_from_bytes(pem.encode(), "the live release"))
    except PkiError:
        return ()


def crls_in(pem: str | None, authorities: Sequence[CertificateFacts]) -> tuple[CrlFacts, ...]:
    """Read the CRLs of a PEM text; none where it is missing or damaged."""
    if not pem:
        return ()
    try:
        lists = [f"{part}{_CRL_END}" for part in pem.split(_CRL_END)[:-1]]
        return tuple(crl_facts(crl_from_bytes(text.encode(), "the live release"), authorities) for text in lists)
    except PkiError:
        return ()


def desired_gateway(
    context: EstateContext, gateway: Gateway, observed: ObservedGateway, live: LiveTrust, now: datetime
) -> DesiredGateway:
    """Compose the desired state of one gateway. Generates nothing; raises PkiError or SecretError."""
    materials = gateway_materials(context.estate, context.folder, gateway, context.secrets, now)
    return composed(context, materials, gateway, observed, live, now)


def composed(  # noqa: PLR0913, PLR0917 - the estate's side, then the host's, then when
    context: EstateContext,
    materials: GatewayMaterials,
    gateway: Gateway,
    observed: ObservedGateway,
    live: LiveTrust,
    now: datetime,
) -> DesiredGateway:
    """Compose the desired state from these materials: PKI's, or a backup's."""
    choice = choose_certificate(materials.certificate, live.certificate, live.key_matches, gateway.fqdn, now)
    choice = _with_its_chain(choice, materials, observed)
    stem = _certificate_stem(gateway, choice, materials, observed)
    inputs = _httpd_inputs(context.estate, gateway, materials, observed, stem)
    targets = topology.allow_list(context.estate, gateway)
    return DesiredGateway(
        gateway=gateway,
        files=_release_files(inputs, materials),
        choice=choice,
        certificate_stem=stem,
        certificate_pem=certificate_text(choice, materials),
        materials=materials,
        sizing=inputs.sizing,
        unit=_unit(gateway, inputs, observed),
        hosts=tuple(dict.fromkeys(target.host for target in targets)),
        unproven=agents_missing(context.estate, gateway),
        around=surroundings(context.estate, gateway, now),
        on_loopback=topology.is_on_loopback(gateway),
    )


def _with_its_chain(
    choice: CertificateChoice, materials: GatewayMaterials, observed: ObservedGateway
) -> CertificateChoice:
    """Deliver a kept .pfx certificate anew where the intermediate certificates that go with it have changed."""
    if choice.action != "keep" or materials.certificate.kind != "pfx" or observed.certificate is None:
        return choice
    served = [facts.sha256 for facts in certificates_in(observed.certificate.pem)]
    wanted = [facts.sha256 for facts in (choice.facts, *materials.certificate.chain) if facts is not None]
    if served == wanted:
        return choice
    reason = "the .pfx brings other intermediate certificates; the thumbprint stays"
    return replace(choice, action="deliver", reasons=(reason,))


def agents_missing(estate: Estate, gateway: Gateway) -> tuple[str, ...]:
    """Name the Notification Servers whose agents cemops can neither play by a declared certificate nor make."""
    served = (
        topology.notification_server(estate, name) for name in topology.served_notification_servers(estate, gateway)
    )
    return tuple(
        server.name
        for server in served
        if server.probe_certificate is None
        and (server.root_authority is None or topology.authority(estate, server.root_authority).source != "local")
    )


def rehearsal_conf(
    desired: DesiredGateway, context: EstateContext, observed: ObservedGateway, release: str, port: int
) -> str:
    """Render the rehearsal: the same template, on a loopback port, with its own pid file and logs."""
    gateway = desired.gateway
    folder = f"{gateway.root}/state/rehearsal"
    account = gateway.service.account if observed.uid == 0 else None
    sizing = gateway_sizing(REHEARSAL_CONNECTIONS)
    kept = desired.files.get(CONFIGURATION) if desired.restored else None
    if kept is not None:
        place = RehearsalPlace(f"127.0.0.1:{port}", folder, sizing, account, _group(account, observed))
        return rehearsed_conf(kept, place).replace(RELEASE_FOLDER, release)
    inputs = _httpd_inputs(context.estate, gateway, desired.materials, observed, desired.certificate_stem)
    rehearsed = replace(
        inputs,
        listen=(("127.0.0.1", port),),
        pid_file=f"{folder}/httpd.pid",
        log_dir=folder,
        sizing=sizing,
        account=account,
        group=_group(account, observed),
    )
    return render_httpd_conf(rehearsed).replace(RELEASE_FOLDER, release)


def _certificate_stem(
    gateway: Gateway, choice: CertificateChoice, materials: GatewayMaterials, observed: ObservedGateway
) -> str | None:
    """Name certificate and key by content; the live ones keep the name they have below ``tls/``."""
    if choice.facts is None:
        return None
    if choice.action == "keep" and observed.certificate is not None:
        folder, _, name = observed.certificate.certificate_path.rpartition("/")
        if folder == f"{gateway.root}/tls" and name.endswith(".crt"):
            return name.removesuffix(".crt")
        return choice.facts.sha256.lower()
    chain = materials.certificate.chain
    digest = hashlib.sha256(b"".join(_der(facts.pem) for facts in (choice.facts, *chain)))
    return digest.hexdigest()


def _der(pem: str) -> bytes:
    body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
    return base64.b64decode(body)


def certificate_text(choice: CertificateChoice, materials: GatewayMaterials) -> str | None:
    """Return the certificate file's text, chain included; None where the certificate is still to be made."""
    if choice.facts is None:
        return None
    chain = materials.certificate.chain if choice.action != "keep" else ()
    return "".join(facts.pem if facts.pem.endswith("\n") else f"{facts.pem}\n" for facts in (choice.facts, *chain))


def _group(account: str | None, observed: ObservedGateway) -> str | None:
    return (observed.account_group or account) if account else None


def _httpd_inputs(
    estate: Estate, gateway: Gateway, materials: GatewayMaterials, observed: ObservedGateway, stem: str | None
) -> HttpdInputs:
    tls = f"{gateway.root}/tls/{stem or KNOWN_AFTER_APPLY}"
    account = gateway.service.account if observed.uid == 0 and gateway.service.manager == "direct" else None
    lists = [material.crl is not None or material.will_make_crl for material in materials.authorities]
    own = () if topology.is_on_loopback(gateway) else _own_addresses(observed.own_addresses)
    return HttpdInputs(
        modules_dir=observed.httpd.modules_dir if observed.httpd else "/usr/lib/apache2/modules",
        fqdn=gateway.fqdn,
        listen=tuple((address, gateway.listen.port) for address in gateway.listen.addresses),
        tls=gateway.tls,
        targets=topology.allow_list(estate, gateway),
        sizing=gateway_sizing(gateway.capacity.concurrent_connections),
        root=gateway.root,
        release_dir=f"{gateway.root}/releases/{RELEASE_FOLDER}",
        certificate=f"{tls}.crt",
        key=f"{tls}.key",
        has_crl=any(lists),
        every_ca_has_crl=all(lists),
        account=account,
        group=_group(account, observed),
        proxy_block=own,
        fips=gateway.fips,
    )


def _own_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return what ProxyBlock lists. Sorted: the order of the addresses on the host must change no release."""
    own = sorted(set(addresses) - set(ADDRESSES_OF_THE_MACHINE_ITSELF))
    return (*ADDRESSES_OF_THE_MACHINE_ITSELF, *own)


def _release_files(inputs: HttpdInputs, materials: GatewayMaterials) -> dict[str, str | None]:
    """Return the release's files; None where the content is known after apply."""
    files: dict[str, str | None] = {
        CONFIGURATION: render_httpd_conf(inputs),
        CLIENT_CA: _ca_bundle(materials.authorities),
    }
    if inputs.has_crl:
        files[CLIENT_CRL] = _crl_bundle(materials.authorities)
    return files


def _ca_bundle(authorities: Sequence[AuthorityMaterial]) -> str | None:
    parts = []
    for authority in authorities:
        facts = authority.certificate
        if facts is None:
            return None
        parts.append(
            f"# {authority.name}: {facts.subject}\n# thumbprint {facts.sha1}, valid until {facts.not_after:%Y-%m-%d}\n"
            f"{facts.pem.strip()}\n"
        )
    return "\n".join(parts)


def _crl_bundle(authorities: Sequence[AuthorityMaterial]) -> str | None:
    if any(authority.will_make_crl for authority in authorities):
        return None
    return "\n".join(
        f"# {authority.name}: {authority.crl.revoked} revoked, next update {_next_update(authority.crl)}\n"
        f"{authority.crl.pem.strip()}\n"
        for authority in authorities
        if authority.crl is not None
    )


def _next_update(crl: CrlFacts) -> str:
    return f"{crl.next_update:%Y-%m-%d %H:%M} UTC" if crl.next_update else "not named"


def _unit(gateway: Gateway, inputs: HttpdInputs, observed: ObservedGateway) -> str | None:
    if gateway.service.manager != "systemd":
        return None
    return render_gateway_unit(
        GatewayUnitInputs(
            fqdn=gateway.fqdn,
            root=gateway.root,
            httpd=observed.httpd.binary if observed.httpd else "/usr/sbin/httpd",
            account=gateway.service.account or "cemgw",
            sizing=inputs.sizing,
        )
    )
