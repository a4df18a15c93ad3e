"""A stand-in for an NS or a site server as agents see it: one TLS listener that says who it is."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cemops
from cemops.lab.folder import make_subfolder, write_file
from cemops.lab.machine import Started, ended_early, record, serves_tls
from cemops.lab.preconditions import SEARCH_PATH
from cemops.lab.processes import start

if TYPE_CHECKING:
    from cemops.lab.trust import ServerCertificate

_PYTHON_VARIABLES = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")


def import_path() -> str:
    """Return the folder that ``import cemops`` finds this package in, for PYTHONPATH of child processes."""
    return str(Path(cemops.__file__).resolve().parents[1])


def _python_environment() -> dict[str, str]:
    """Return what this Python needs to start again, and nothing else of the user's environment."""
    kept = {name: os.environ[name] for name in _PYTHON_VARIABLES if name in os.environ}
    return {**kept, "PATH": SEARCH_PATH, "PYTHONPATH": import_path()}


@dataclass(frozen=True)
class ServerMachine:
    """The TLS server of one server of the estate."""

    lab: Path
    folder: Path
    name: str
    fqdn: str
    address: str
    port: int
    certificate: ServerCertificate
    authority: Path
    """The CA's certificate (PEM file)."""

    def prepare(self) -> None:
        """Write the certificate and its key."""
        make_subfolder(self.folder, 0o755)
        write_file(self.folder / "server.key", self.certificate.key, 0o600)
        write_file(self.folder / "server.crt", self.certificate.certificate, 0o644)

    def start(self) -> tuple[Started, ...]:
        """Start the TLS server."""
        log = self.folder / "server.log"
        described = {
            "server": self.name,
            "fqdn": self.fqdn,
            "address": self.address,
            "port": str(self.port),
            "certificate": str(self.folder / "server.crt"),
            "key": str(self.folder / "server.key"),
        }
        options = [text for option, value in described.items() for text in (f"--{option}", value)]
        process = start(
            [sys.executable, "-m", "cemops.lab.tls_server", *options],
            self.lab,
            log,
            _python_environment(),
        )
        recorded = record(self.name, "tls-server", (f"{self.address}:{self.port}",), process)
        if recorded is None:
            process.wait()
            raise ended_early(self.name, "tls-server", log)
        return (Started(recorded, process, log, self._answers),)

    def _answers(self) -> bool:
        return serves_tls(self.address, self.port, self.fqdn, self.authority)
