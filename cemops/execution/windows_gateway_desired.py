"""Puts together what a Windows gateway should be: the estate, what PKI holds, and the rendered configuration."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cemops.errors import CemopsError, PkiError
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_desired import agents_missing, certificate_text
from cemops.model import topology
from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.model.gateways import Gateway
from cemops.model.windows_observed import ObservedFileContent, ObservedWindows
from cemops.pki.gateway_certificate import certificate_material
from cemops.pki.gateway_materials import gateway_key_pem, gateway_materials
from cemops.pki.inspection import certificate_facts, certificates_from_bytes, crl_facts, crl_from_bytes
from cemops.pki.name_hash import issuer_hash, subject_hash
from cemops.planning.certificate_choice import choose_certificate
from cemops.planning.lockout import surroundings
from cemops.planning.materials import AuthorityMaterial, GatewayMaterials
from cemops.planning.revocation import LiveTrust
from cemops.planning.sizing import Sizing, gateway_sizing
from cemops.planning.windows.gateway.desired import CERTIFICATE, KEY, DesiredWindowsGateway, FoundTrust, TrustFile
from cemops.planning.windows.gateway.folders import GatewayFolders, installation
from cemops.planning.windows.gateway.moves import file_at
from cemops.planning.windows.gateway.smp7 import places_certificate, trial_folders
from cemops.planning.windows.gateway.trust import OWN_PREFIX
from cemops.rendering.gateway_httpd import (
    ADDRESSES_OF_THE_MACHINE_ITSELF,
    HttpdInputs,
    WindowsFolders,
    render_httpd_conf,
)
from cemops.rendering.gateway_rehearsal import RehearsalPlace, rehearsed_conf

REHEARSAL_CONNECTIONS = 20
REHEARSAL_PORTS = range(20_000, 32_000)
"""Below the dynamic ports of Windows (49152)."""


def windows_gateway(
    context: EstateContext, gateway: Gateway, observed: ObservedWindows, now: datetime
) -> tuple[DesiredWindowsGateway, FoundTrust]:
    """Compose the desired state of one gateway, and what its files say now. Makes nothing.

    Raises PkiError or SecretError, and CemopsError for a capacity that httpd on Windows cannot hold (IG-04).
    """
    materials = gateway_materials(context.estate, context.folder, gateway, context.secrets, now)
    found = found_trust(context, gateway, observed)
    return composed_windows(context, materials, observed, found.live, now), found


def composed_windows(
    context: EstateContext, materials: GatewayMaterials, observed: ObservedWindows, live: LiveTrust, now: datetime
) -> DesiredWindowsGateway:
    """Compose the desired state from these materials: PKI's, or a backup's."""
    gateway = topology.gateway(context.estate, materials.gateway)
    choice = choose_certificate(materials.certificate, live.certificate, live.key_matches, gateway.fqdn, now)
    desired = DesiredWindowsGateway(
        gateway,
        choice,
        materials,
        client=_numbered(_client(one, gateway) for one in materials.authorities),
        crl=_numbered(_crl(one, gateway) for one in materials.authorities if one.crl is not None or one.will_make_crl),
        targets=topology.allow_list(context.estate, gateway),
        certificate_pem=certificate_text(choice, materials),
        unproven=agents_missing(context.estate, gateway),
        around=surroundings(context.estate, gateway, now),
        on_loopback=topology.is_on_loopback(gateway),
    )
    return _with_configuration(desired, observed) if gateway.layout == "smp-7" else desired


def with_restored_configuration(
    desired: DesiredWindowsGateway, observed: ObservedWindows, text: str
) -> DesiredWindowsGateway:
    """Put a configuration in the place of the rendered one, and rehearse it as it is, over the files on trial."""
    folders = GatewayFolders(desired.gateway.root)
    place, (client, crl) = installation(desired.gateway, observed), trial_folders(folders)
    sizing = gateway_sizing(REHEARSAL_CONNECTIONS, "windows")
    loopback = RehearsalPlace(f"127.0.0.1:{desired.rehearsal_port}", _slashed(folders.trial), sizing, None, None)
    tried = rehearsed_conf(text, loopback)
    moved = {place.client: client, place.crl: crl}
    if places_certificate(desired):
        names = (CERTIFICATE, KEY)
        moved |= {rf"{folders.apache_certs}\{name}": rf"{folders.trial}\{name}" for name in names}
    for path, trial in moved.items():
        tried = tried.replace(f'"{_slashed(path)}"', f'"{_slashed(trial)}"')
    return replace(desired, configuration=text, rehearsal=tried)


@dataclass(frozen=True)
class HeldKey:
    """A key that is known to belong to a certificate: the certificate's SHA-256, and that of the key's file."""

    certificate: str
    file: str


def found_trust(
    context: EstateContext, gateway: Gateway, observed: ObservedWindows, held: HeldKey | None = None
) -> FoundTrust:
    """Read certificates and CRLs out of the observed files; what cannot be read counts as absent.

    ``held``: the key of a backup, with which a live one is compared before PKI's.
    """
    place = installation(gateway, observed)
    by_path: dict[str, CertificateFacts] = {}
    for path, file in _files(observed, place.client):
        for facts in _certificates(file.content)[:1]:
            by_path[path] = facts
    authorities = tuple({facts.sha256: facts for facts in by_path.values()}.values())
    lists = {path: crl for path, file in _files(observed, place.crl) if (crl := _crl_in(file.content, authorities))}
    certificate, matches = observed.presented, True
    if gateway.layout == "smp-7":
        certificate, matches = _live_certificate(context, gateway, observed, held)
    crls = tuple({crl.sha256: crl for crl in lists.values()}.values())
    return FoundTrust(
        LiveTrust(authorities, crls, certificate, matches and certificate is not None),
        {path: facts.sha256 for path, facts in by_path.items()},
        {path: crl.signed_by for path, crl in lists.items() if crl.signed_by is not None},
    )


def _live_certificate(
    context: EstateContext, gateway: Gateway, observed: ObservedWindows, held: HeldKey | None
) -> tuple[CertificateFacts | None, bool]:
    """Return the certificate in server.crt, and whether server.key belongs to it, as far as can be told.

    An observation has no key: where the same certificate is held here, the hash of its key is compared; else a key
    that is there counts, and the rehearsal tells.
    """
    folder = GatewayFolders(gateway.root).apache_certs
    found, key = file_at(observed, folder, CERTIFICATE), file_at(observed, folder, KEY)
    leaf = _certificates(found.content if found else None)[:1]
    if not leaf or key is None or key.size == 0:
        return (leaf[0] if leaf else None), False
    if held is not None and held.certificate == leaf[0].sha256:
        return leaf[0], held.file == key.sha256
    known = certificate_material(context.estate, context.folder, gateway, context.secrets).facts
    if known is None or known.sha256 != leaf[0].sha256:
        return leaf[0], True
    expected = _key_digest(context, gateway)
    return leaf[0], expected in (None, key.sha256)


def _key_digest(context: EstateContext, gateway: Gateway) -> str | None:
    try:
        key = gateway_key_pem(context.estate, context.folder, gateway, context.secrets)
    except CemopsError:
        return None  # no passphrase here and now: a plan needs none
    return hashlib.sha256(key.get_secret_value().encode()).hexdigest()


def _files(observed: ObservedWindows, folder: str) -> Iterable[tuple[str, ObservedFileContent]]:
    files: Mapping[str, ObservedFileContent] = (observed.folders.get(folder) if folder else None) or {}
    return ((rf"{folder}\{name}", file) for name, file in sorted(files.items()))


def _certificates(content: bytes | None) -> tuple[CertificateFacts, ...]:
    if not content:
        return ()
    try:
        return tuple(certificate_facts(found) for found in certificates_from_bytes(content, "the gateway's file"))
    except PkiError:
        return ()


def _crl_in(content: bytes | None, authorities: tuple[CertificateFacts, ...]) -> CrlFacts | None:
    if not content:
        return None
    try:
        return crl_facts(crl_from_bytes(content, "the gateway's file"), authorities)
    except PkiError:
        return None


def _numbered(files: Iterable[TrustFile]) -> tuple[TrustFile, ...]:
    """Count up the names of copies of one hash: OpenSSL looks for .0, then .1, until there is none."""
    taken: set[str] = set()
    found = []
    for file in files:
        names = [file.names[0]]
        for name in file.names[1:]:
            stem = name.removesuffix("0")
            number = next(count for count in itertools.count() if f"{stem}{count}" not in taken)
            taken.add(f"{stem}{number}")
            names.append(f"{stem}{number}")
        found.append(replace(file, names=tuple(names)))
    return tuple(found)


def _client(material: AuthorityMaterial, gateway: Gateway) -> TrustFile:
    text = None if material.certificate is None else f"{material.certificate.pem.strip()}\n"
    if gateway.layout == "smp-8":
        return TrustFile(material.name, (f"{OWN_PREFIX}{material.name}.cer",), text)
    copies = () if text is None else (f"{subject_hash(text)}.0",)
    return TrustFile(material.name, (f"{material.name}.cer", *copies), text)


def _crl(material: AuthorityMaterial, gateway: Gateway) -> TrustFile:
    known = material.crl is not None and not material.will_make_crl
    text = f"{material.crl.pem.strip()}\n" if known and material.crl is not None else None
    if gateway.layout == "smp-8":
        return TrustFile(material.name, (f"{OWN_PREFIX}{material.name}.crl",), text)
    copies = () if text is None else (f"{issuer_hash(text)}.r0",)
    return TrustFile(material.name, (f"{material.name}.crl", *copies), text)


def _with_configuration(desired: DesiredWindowsGateway, observed: ObservedWindows) -> DesiredWindowsGateway:
    """Add the configuration, and the same for the rehearsal: a loopback port, over the files on trial."""
    gateway, folders = desired.gateway, GatewayFolders(desired.gateway.root)
    place = installation(gateway, observed)
    sizing = gateway_sizing(gateway.capacity.concurrent_connections, "windows")
    live = _inputs(desired, folders, WindowsFolders(_slashed(place.client), _slashed(place.crl)), sizing)
    client, crl = trial_folders(folders)
    port = secrets.choice(REHEARSAL_PORTS)  # forks of one process would agree on what random chooses
    tried = replace(
        live,
        windows=WindowsFolders(_slashed(client), _slashed(crl)),
        listen=(("127.0.0.1", port),),
        pid_file=_slashed(rf"{folders.trial}\httpd.pid"),
        log_dir=_slashed(folders.trial),
        sizing=gateway_sizing(REHEARSAL_CONNECTIONS, "windows"),
    )
    if places_certificate(desired):
        tried = replace(
            tried,
            certificate=_slashed(rf"{folders.trial}\{CERTIFICATE}"),
            key=_slashed(rf"{folders.trial}\{KEY}"),
        )
    return replace(
        desired,
        configuration=render_httpd_conf(live),
        rehearsal=render_httpd_conf(tried),
        rehearsal_port=port,
    )


def _inputs(
    desired: DesiredWindowsGateway, folders: GatewayFolders, trust: WindowsFolders, sizing: Sizing
) -> HttpdInputs:
    gateway = desired.gateway
    apache = _slashed(folders.apache)
    lists = [one.crl is not None or one.will_make_crl for one in desired.materials.authorities]
    return HttpdInputs(
        modules_dir="modules",
        fqdn=gateway.fqdn,
        listen=tuple((address, gateway.listen.port) for address in gateway.listen.addresses),
        tls=gateway.tls,
        targets=desired.targets,
        sizing=sizing,
        root=apache,
        release_dir="",
        certificate=_slashed(rf"{folders.apache_certs}\{CERTIFICATE}"),
        key=_slashed(rf"{folders.apache_certs}\{KEY}"),
        has_crl=any(lists),
        every_ca_has_crl=all(lists),
        proxy_block=() if desired.on_loopback else _own_addresses(gateway),
        fips=gateway.fips,
        pid_file=f"{apache}/logs/httpd.pid",
        windows=trust,
    )


def _own_addresses(gateway: Gateway) -> tuple[str, ...]:
    """Return what ProxyBlock lists: the addresses of the gateway, as far as the estate names them."""
    declared = {*gateway.inside_addresses, *(address for address in gateway.listen.addresses if address != "*")}
    if gateway.public_address is not None:
        declared.add(gateway.public_address)
    own = {str(address) for address in declared} - set(ADDRESSES_OF_THE_MACHINE_ITSELF)
    return (*ADDRESSES_OF_THE_MACHINE_ITSELF, *sorted(own))


def _slashed(path: str) -> str:
    return path.replace("\\", "/")
