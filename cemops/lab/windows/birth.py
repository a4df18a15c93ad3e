"""How the lab's Windows machines are born: what an operator finds on a server before cemops has ever been there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cemops.lab.trust import ServerCertificate
from cemops.lab.windows.certificate_stores import MACHINE_READERS, StoredCertificate, thumbprint_of
from cemops.lab.windows.firewall_rules import RULES
from cemops.lab.windows.http_sys import SslCert, set_ssl_cert
from cemops.lab.windows.iis_model import DEFAULT_SITE, Application, Binding, Iis, Site
from cemops.lab.windows.machine_model import Account, Identity, Machine, Service

WWW_ROOT = r"C:\inetpub\wwwroot"
AGENT_SITE = "Symantec Agent Site"
ADMINISTRATOR = "cemops"
"""The local account that cemops logs on as."""

_NS_FOLDER = r"C:\Program Files\Altiris\Notification Server"
_SVCHOST = r"C:\Windows\system32\svchost.exe -k"
_SERVICES = {
    "W3SVC": Service("Running", "Automatic", "LocalSystem", f"{_SVCHOST} iissvcs", 1480),
    "WAS": Service("Running", "Manual", "LocalSystem", f"{_SVCHOST} iissvcs", 1480),
    "HTTP": Service("Running", "Manual", "", r"system32\drivers\HTTP.sys", 0),
    "WinRM": Service("Running", "Automatic", r"NT AUTHORITY\NetworkService", f"{_SVCHOST} NetworkService -p", 1224),
    "mpssvc": Service("Running", "Automatic", r"NT AUTHORITY\LocalService", f"{_SVCHOST} LocalServiceNoNetwork", 2040),
}
_RULES = {
    "IIS-WebServerRole-HTTP-In-TCP": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|App=System|"
    "Name=World Wide Web Services (HTTP Traffic-In)|",
    "WINRM-HTTPS-In-TCP": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5986|App=System|"
    "Name=Windows Remote Management (HTTPS-In)|",
    "RemoteDesktop-UserMode-In-TCP": "v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|"
    r"App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=Remote Desktop - User Mode (TCP-In)|",
}


@dataclass(frozen=True)
class Newborn:
    """What differs from machine to machine. ``names``: DNS as the machine sees it."""

    folder: Path
    name: str
    fqdn: str
    address: str
    names: dict[str, tuple[str, ...]]


def stored(certificate: ServerCertificate, *, with_key: bool = True) -> StoredCertificate:
    """Return a certificate as a store of Windows holds it."""
    der = x509.load_pem_x509_certificate(certificate.certificate).public_bytes(Encoding.DER)
    if not with_key:
        return StoredCertificate(thumbprint_of(der), der)
    return StoredCertificate(thumbprint_of(der), der, certificate.key, readers=MACHINE_READERS)


def https_binding(port: int) -> Binding:
    """Return a binding of IIS on every address."""
    return Binding("https", f"*:{port}:")


def bare_server(born: Newborn, *sites: Site) -> Machine:
    """Return a server with IIS and these sites, and nothing of cemops."""
    computer = born.name.upper()
    machine = Machine(
        folder=born.folder,
        identity=Identity(computer, born.fqdn, born.address, user=f"{computer}\\{ADMINISTRATOR}"),
        iis=Iis.with_sites(*sites),
        services=dict(_SERVICES),
        accounts={ADMINISTRATOR: Account(), "Guest": Account(enabled=False)},
        names=born.names,
    )
    rules = machine.registry.make_key(RULES)
    for rule, text in _RULES.items():
        rules.set_value(rule, "String", text)
    machine.registry.make_key(r"HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\SslBindingInfo")
    return machine


def default_site(*bindings: Binding) -> Site:
    """Return IIS's own first site."""
    return Site(DEFAULT_SITE, 1, bindings, (Application("/", WWW_ROOT),))


def site_server(born: Newborn, *bindings: Binding) -> Machine:
    """Return a site server's machine: the default site, on port 80 and with these bindings besides."""
    return bare_server(born, default_site(Binding("http", "*:80:"), *bindings))


def notification_server(
    born: Newborn, console_port: int, agent_port: int, console_certificate: ServerCertificate
) -> Machine:
    """Return an NS's machine: its console serves; its agent site was made in the console and has no certificate yet."""
    site = default_site(Binding("http", "*:80:"), https_binding(console_port))
    console = Site(
        site.name,
        site.id,
        site.bindings,
        (*site.applications, Application("/Altiris/Console", rf"{_NS_FOLDER}\Web\Console", "Console")),
    )
    agent = Site(
        AGENT_SITE,
        2,
        (https_binding(agent_port),),
        (
            Application("/", rf"{_NS_FOLDER}\AgentSite"),
            Application("/Altiris/NS/Agent", rf"{_NS_FOLDER}\Web\NS\Agent", "Agent"),
        ),
    )
    machine = bare_server(born, console, agent)
    serve(machine, console_port, console_certificate)
    machine.services["AltirisServiceHost"] = Service(
        "Running", "Automatic", "LocalSystem", rf'"{_NS_FOLDER}\Bin\AexSvc.exe"', 3312
    )
    key = machine.registry.make_key(r"HKLM:\SOFTWARE\Altiris\eXpress\Notification Server")
    key.set_value("ProductVersion", "String", "8.6.3000.0")
    key.set_value("InstallPath", "String", _NS_FOLDER)
    return machine


def serve(machine: Machine, port: int, certificate: ServerCertificate) -> None:
    """Put a certificate with its key into ``My``, and name it for a port in http.sys."""
    held = stored(certificate)
    machine.certificates.put("My", held)
    name_for(machine, port, held)


def name_for(machine: Machine, port: int, held: StoredCertificate) -> None:
    """Name a certificate for a port in http.sys, whether or not it is in a store."""
    set_ssl_cert(machine.registry, SslCert("ipport", f"0.0.0.0:{port}", held.thumbprint))
