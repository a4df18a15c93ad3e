"""Situations for the planners of agent site and site servers: certificates, machines, desired states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import (
    IisBinding,
    IisSite,
    ObservedWindows,
    SslEntry,
    StoredCertificateFound,
)
from cemops.planning.windows.desired import DesiredAgentSite, DesiredBinding, DesiredSiteServer
from cemops.planning.windows.endpoints import IIS_APP_ID
from cemops.planning.windows.materials import ServerCertificateMaterial
from cemops.planning.windows.plan import WindowsPlan

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOST = "ps1"
FQDN = "ps1.corp.northwind.example"
NS_FQDN = "ns1.corp.northwind.example"
SITE = "Default Web Site"
AGENT_SITE = "Symantec Agent Site"
ROOT = "CN=Site Server Root"
OTHER_APP_ID = "{aaaaaaaa-0000-0000-0000-000000000001}"


def certificate(letter: str = "A", **changes: Any) -> CertificateFacts:
    facts = CertificateFacts(
        pem=f"-----BEGIN CERTIFICATE-----\n{letter * 8}\n-----END CERTIFICATE-----\n",
        subject=f"CN={FQDN}",
        common_name=FQDN,
        dns_names=(FQDN,),
        issuer=ROOT,
        serial=ord(letter),
        not_before=NOW - timedelta(days=10),
        not_after=NOW + timedelta(days=365),
        sha1=letter * 40,
        sha256=letter * 64,
        public_key_sha256=letter.lower() * 64,
        key_type="RSA-2048",
        is_ca=False,
        extended_key_usages=("1.3.6.1.5.5.7.3.1",),
    )
    return replace(facts, **changes)


OLD = certificate("A")
NEW = certificate("B", not_after=NOW + timedelta(days=700), not_before=NOW - timedelta(days=1))
NEIGHBOUR = certificate("D", subject="CN=www", common_name="www.example", dns_names=("www.example",))
ROOT_CERTIFICATE = certificate(
    "C", subject=ROOT, issuer=ROOT, common_name="Site Server Root", dns_names=(), is_ca=True, extended_key_usages=()
)
INTERMEDIATE = certificate("E", subject="CN=Middle", issuer=ROOT, common_name="Middle", dns_names=(), is_ca=True)


def for_agent_site(facts: CertificateFacts) -> CertificateFacts:
    return replace(facts, subject=f"CN={NS_FQDN}", common_name=NS_FQDN, dns_names=(NS_FQDN,))


def pfx(facts: CertificateFacts | None = NEW, purpose: str = "cem", **changes: Any) -> ServerCertificateMaterial:
    return replace(ServerCertificateMaterial(purpose, "pfx", (FQDN,), facts), **changes)


def local(facts: CertificateFacts | None = None, purpose: str = "cem", **changes: Any) -> ServerCertificateMaterial:
    material = ServerCertificateMaterial(
        purpose, "issued_by", (FQDN,), facts, issuer=ROOT_CERTIFICATE, issuer_name="site-server-root", can_make=True
    )
    return replace(material, **changes)


def vendor(purpose: str = "cem", **changes: Any) -> ServerCertificateMaterial:
    return local(None, purpose, **{"vendor": True, "can_make": False, **changes})


def binding(port: int, *, host: str = "", address: str = "*", flags: int = 0, protocol: str = "https") -> IisBinding:
    return IisBinding(protocol, f"{address}:{port}:{host}", flags, address, port, host)


def site(*bindings: IisBinding, name: str = SITE, number: int = 1, **changes: Any) -> IisSite:
    return IisSite(name, number, bindings, **changes)


def entry(port: int, facts: CertificateFacts | str = OLD, **changes: Any) -> SslEntry:
    thumbprint = facts if isinstance(facts, str) else facts.sha1
    return replace(SslEntry("ipport", f"0.0.0.0:{port}", thumbprint, app_id=IIS_APP_ID), **changes)


def keyed(*facts: CertificateFacts) -> tuple[StoredCertificateFound, ...]:
    return tuple(StoredCertificateFound(one, has_private_key=True) for one in facts)


def machine(
    *sites: IisSite, entries: tuple[SslEntry, ...] = (), my: tuple[CertificateFacts, ...] = (), **more: Any
) -> ObservedWindows:
    stores: Mapping[str, Any] = {
        "My": keyed(*my),
        "CA": (),
        "Root": (StoredCertificateFound(ROOT_CERTIFICATE, has_private_key=False),),
    }
    values: dict[str, Any] = {
        "clock": NOW,
        "computer": HOST.upper(),
        "os_caption": "Microsoft Windows Server 2019 Standard",
        "os_version": "10.0.17763",
        "domain_role": 3,
        "user": "CORP\\svc-cemops",
        "elevated": True,
        "iis_installed": True,
        "sites": sites,
        "ssl_entries": entries,
        "stores": stores,
    }
    return ObservedWindows(**{**values, **more})


def http(**changes: Any) -> DesiredBinding:
    return replace(DesiredBinding("http", "http", SITE, 80, (FQDN,), "agents inside by HTTP", usual_port=80), **changes)


def https(**changes: Any) -> DesiredBinding:
    desired = DesiredBinding("https", "https", SITE, 443, (FQDN,), "agents inside", usual_port=443)
    return replace(desired, **changes)


def cem(**changes: Any) -> DesiredBinding:
    desired = DesiredBinding("cem", "https", SITE, 4726, (FQDN,), "cloud-enabled agents", usual_port=4726)
    return replace(desired, **changes)


def site_server(*bindings: DesiredBinding, **changes: Any) -> DesiredSiteServer:
    """A site server with these bindings; those that are left out are switched off."""
    given = {one.purpose: one for one in bindings}
    off = {one.purpose: one for one in (http(enabled=False), https(enabled=False), cem(enabled=False))}
    desired = DesiredSiteServer(HOST, FQDN, SITE, tuple({**off, **given}.values()))
    return replace(desired, **changes)


def agent_site(**changes: Any) -> DesiredAgentSite:
    """An agent site with a PFX; changes of the binding by its own names, others of the site."""
    of_binding = {key: changes.pop(key) for key in tuple(changes) if key in DesiredBinding.__dataclass_fields__}
    material = pfx(for_agent_site(NEW), "agent-site", names=(NS_FQDN,))
    agents = DesiredBinding(
        "agent-site",
        "https",
        AGENT_SITE,
        4726,
        (NS_FQDN,),
        "cloud-enabled agents",
        install_certificate=True,
        material=material,
        dedicated_site=True,
    )
    desired = DesiredAgentSite("ns1", NS_FQDN, replace(agents, **of_binding), SITE, 443)
    return replace(desired, **changes)


def codes(plan: WindowsPlan) -> set[str]:
    """Codes of all warnings, the changes' too."""
    return {one.code for one in (*plan.warnings, *(w for change in plan.changes for w in change.warnings))}


def operations(plan: WindowsPlan) -> list[str]:
    return [action.op for action in plan.actions]
