"""A Windows machine of the lab: a stand-in, with the account that cemops logs on as and its WinRM certificate."""

from __future__ import annotations

import hashlib
import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.lab.folder import make_subfolder, write_file
from cemops.lab.machine import Started, ended_early, record, shows_certificate
from cemops.lab.processes import start
from cemops.lab.python_process import python_environment
from cemops.lab.windows.birth import ADMINISTRATOR
from cemops.lab.windows.endpoint_settings import EndpointSettings
from cemops.lab.windows.machine_file import save_machine
from cemops.lab.windows.wsman_logons import Account

if TYPE_CHECKING:
    from pathlib import Path

    from cemops.lab.trust import ServerCertificate
    from cemops.lab.windows.gateway_programs import HttpdSettings
    from cemops.lab.windows.machine_model import Machine

WINRM_PORT = 5986
"""The port that Windows gives WinRM over TLS."""


@dataclass(frozen=True, repr=False)
class WindowsMachine:
    """The stand-in of one server of the estate. ``born``: the machine as it is before the first apply."""

    lab: Path
    folder: Path
    name: str
    fqdn: str
    address: str
    born: Machine
    certificate: ServerCertificate
    """Of its WinRM endpoint."""
    password: str
    """Of the local account that cemops logs on as."""
    pinned: bool
    """Whether the estate knows the endpoint by its certificate rather than by the CA that issued it."""
    httpd: HttpdSettings | None = None
    """The real httpd behind a gateway's service."""

    @property
    def thumbprint(self) -> str:
        """SHA-256 thumbprint of the endpoint's certificate."""
        octets = ssl.PEM_cert_to_DER_cert(self.certificate.certificate.decode("ascii"))
        return hashlib.sha256(octets).hexdigest().upper()

    def prepare(self) -> None:
        """Write the machine, its endpoint's settings and certificate."""
        make_subfolder(self.folder, 0o755)
        if self.httpd is not None:
            self.httpd.write(self.folder)
        settings = EndpointSettings(WINRM_PORT, (Account(ADMINISTRATOR, self.password),))
        write_file(self.folder / settings.key, self.certificate.key, 0o600)
        write_file(self.folder / settings.certificate, self.certificate.certificate, 0o644)
        settings.write(self.folder)
        save_machine(self.born)

    def start(self) -> tuple[Started, ...]:
        """Start the machine's process."""
        log = self.folder / "machine.log"
        process = start(
            [sys.executable, "-m", "cemops.lab.windows.machine_process", "--folder", str(self.folder)],
            self.lab,
            log,
            python_environment(),
        )
        recorded = record(self.name, "stand-in", (f"{self.address}:{WINRM_PORT}",), process)
        if recorded is None:
            process.wait()
            raise ended_early(self.name, "stand-in", log)
        return (Started(recorded, process, log, self._answers),)

    def _answers(self) -> bool:
        return shows_certificate(self.address, WINRM_PORT, self.certificate.certificate)
