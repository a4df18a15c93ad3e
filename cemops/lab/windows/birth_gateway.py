"""How the lab's Windows gateway is born: the vendor's gateway 7.x is installed (IG-10), and nobody has set it up."""

from __future__ import annotations

from cemops.lab.trust import ServerCertificate
from cemops.lab.windows.birth import Newborn, bare_server
from cemops.lab.windows.machine_model import Machine, Service

SERVICE = "SymantecManagementPlatformInternetGateway"
"""IG-07."""
INSTALL_FOLDER = r"C:\Program Files (x86)\Symantec\SMP Internet Gateway"
CONFIGURATION = rf"{INSTALL_FOLDER}\Apache\conf\httpd.conf"
_HTTPD = rf"{INSTALL_FOLDER}\Apache\bin\httpd.exe"
_FRESH_CONFIGURATION = b"""# The gateway's manager writes this file when the gateway is set up.
ServerRoot "C:/Program Files (x86)/Symantec/SMP Internet Gateway/Apache"
"""


def smp7_gateway(born: Newborn, certificate: ServerCertificate | None = None) -> Machine:
    """Return a gateway's machine, without IIS: set up by the vendor's installer, its service not started yet.

    ``certificate``: the one that the installer made for the external name (IG-06), which agents may pin already.
    """
    machine = bare_server(born)
    machine.iis = None
    for name in ("W3SVC", "WAS", "HTTP"):
        del machine.services[name]
    machine.services[SERVICE] = Service(
        "Stopped", "Automatic", r"NT AUTHORITY\LocalService", f'"{_HTTPD}" -k runservice'
    )
    apache = rf"{INSTALL_FOLDER}\Apache"
    for folder in ("bin", "conf", "logs", "modules", r"certs\client", r"certs\crl"):
        machine.drive.make_folder(rf"{apache}\{folder}", private=False)
    machine.drive.write(_HTTPD, b"MZ: a stand-in's httpd\n", private=False)
    machine.drive.write(CONFIGURATION, _FRESH_CONFIGURATION, private=False)
    machine.drive.write(rf"{apache}\certs\openssl.cnf", b"[req]\n", private=False)
    if certificate is not None:
        machine.drive.write(rf"{apache}\certs\server.crt", certificate.certificate, private=False)
        machine.drive.write(rf"{apache}\certs\server.key", certificate.key, private=True)
    return machine
