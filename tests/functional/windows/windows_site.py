"""An estate of Windows stand-ins for tests: real processes, real WinRM over TLS, real TLS listeners, the real command.

``WindowsSite`` declares one NS and site servers, each a stand-in on a loopback address of its own. Tests change the
estate (``site.estate``) and the machines before ``start``, run ``cemops`` as an operator does, and look with an agent's
handshake at what is presented.
"""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path
from typing import Any, Self

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from cemops.lab.folder import write_file
from cemops.lab.trust import LabAuthority, ServerCertificate
from cemops.lab.windows import birth
from cemops.lab.windows.call_log import read_calls
from cemops.lab.windows.endpoint_settings import STATUS_FILE, EndpointSettings
from cemops.lab.windows.faults import FAULTS_FILE
from cemops.lab.windows.machine_file import save_machine
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.wsman_behaviour import Behaviour
from cemops.lab.windows.wsman_logons import Account
from tests.functional.forked_cemops import forked_cemops
from tests.functional.windows.machine_forks import ForkedMachine, start_machine

ROOT = Path(__file__).parents[3]
PASSWORD = "canary|windows$password`7d31"
WINRM_PORT = 5986
CONSOLE_PORT = 8444
AGENT_PORT = 4726
CEM_PORT = 4726
HTTPS_PORT = 8443
ISSUED: Mapping[str, Any] = {"issued_by": "site-server-root"}
WAIT_SECONDS = 20.0

Making = Callable[[birth.Newborn], Machine]


@dataclass
class SiteMachine:
    """One stand-in: its folder, address and process."""

    name: str
    folder: Path
    address: str
    thumbprint: str
    process: ForkedMachine | None = None


@dataclass
class WindowsSite:
    """An estate folder with stand-ins. Use as a context manager: leaving it ends every process."""

    folder: Path
    estate: dict[str, Any] = field(default_factory=dict)
    machines: dict[str, SiteMachine] = field(default_factory=dict)
    network: str = field(default_factory=lambda: f"127.{secrets.randbelow(180) + 60}.{secrets.randbelow(250) + 1}")

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._endpoint_authority = LabAuthority("Endpoint Root")
        self.old_authority = LabAuthority("Old Root")
        write_file(self.folder / "password", f"{PASSWORD}\n".encode(), 0o600)
        write_file(self.folder / "passphrase", b"pki passphrase 1\n", 0o600)
        self.estate = {
            "cemops": 1,
            "estate": "windows-test",
            "credentials": {"win": {"username": ".\\cemops", "password": "file:password"}},
            "pki": {"passphrase": "file:passphrase"},
            "authorities": {
                "ns1-root": {"kind": "ns-root", "source": "local"},
                "site-server-root": {"kind": "site-server-root", "source": "local", "common_name": "Test Server Root"},
            },
            "notification_servers": [],
            "site_server_settings": [],
            "site_servers": [],
            "internet_sites": [
                {"name": "Default Internet Site", "notification_server": "ns1", "site_servers": []},
            ],
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines.values():
            self.stop(machine.name)

    # --- building ---------------------------------------------------------------------------------------------

    def add_notification_server(self, making: Making | None = None, **agent_site: Any) -> SiteMachine:
        """Declare ns1; born with its console serving, and an agent site whose port has no certificate."""
        fqdn = "ns1.corp.test.example"

        def usual(born: birth.Newborn) -> Machine:
            console = self.old_authority.issue((fqdn,))
            return birth.notification_server(born, CONSOLE_PORT, AGENT_PORT, console)

        machine = self._add("ns1", fqdn, making or usual)
        self.estate["notification_servers"].append(
            {
                "name": "ns1",
                "fqdn": fqdn,
                "aliases": ["smp.corp.test.example"],
                "root_authority": "ns1-root",
                "connection": self.connection("ns1"),
                "console_site": {"port": CONSOLE_PORT},
                "agent_site": {"certificate": dict(ISSUED), **agent_site},
            }
        )
        return machine

    def declare_notification_server(self) -> None:
        """Declare ns1 without a machine: for site servers that need one to belong to."""
        self.estate["notification_servers"].append(
            {"name": "ns1", "fqdn": "ns1.corp.test.example", "root_authority": "ns1-root"}
        )

    def add_site_server(self, name: str = "ps1", making: Making | None = None, **web: Any) -> SiteMachine:
        """Declare a site server with a web section of its own; born with the default site on port 80 alone."""
        fqdn = f"{name}.corp.test.example"
        machine = self._add(name, fqdn, making or birth.site_server)
        cem = {"port": CEM_PORT, "install_certificate": True, "certificate": dict(ISSUED)}
        section = {"enabled": True, "https": {"enabled": False}, "cem": cem, **web}
        self.estate["site_servers"].append(
            {
                "name": name,
                "fqdn": fqdn,
                "notification_server": "ns1",
                "connection": self.connection(name),
                "overrides": {"web": section},
            }
        )
        self.estate["internet_sites"][0]["site_servers"].append(name)
        return machine

    def connection(self, name: str) -> dict[str, Any]:
        """Return the connection section of a machine: pinned, NTLM."""
        machine = self.machines[name]
        return {
            "transport": "winrm",
            "address": machine.address,
            "port": WINRM_PORT,
            "credential": "win",
            "server_certificate": {"thumbprint": machine.thumbprint},
        }

    def old_certificate(self, *names: str) -> ServerCertificate:
        """Return a certificate of an authority that nothing declares."""
        return self.old_authority.issue(names)

    def _add(self, name: str, fqdn: str, making: Making) -> SiteMachine:
        folder = self.folder / name
        folder.mkdir()
        address = f"{self.network}.{len(self.machines) + 1}"
        save_machine(making(birth.Newborn(folder, name, fqdn, address, {})))
        certificate = self._endpoint_authority.issue((fqdn,), p256=True)
        write_file(folder / "winrm.crt", certificate.certificate, 0o644)
        write_file(folder / "winrm.key", certificate.key, 0o600)
        presented = x509.load_pem_x509_certificate(certificate.certificate)
        thumbprint = presented.fingerprint(hashes.SHA256()).hex().upper()
        self.machines[name] = SiteMachine(name, folder, address, thumbprint)
        self.endpoint(name)
        return self.machines[name]

    def endpoint(self, name: str, *, password: str = PASSWORD, behaviour: Behaviour | None = None) -> None:
        """Write how a machine's endpoint behaves; takes hold when it starts."""
        settings = EndpointSettings(WINRM_PORT, (Account("cemops", password),), behaviour=behaviour or Behaviour())
        settings.write(self.machines[name].folder)

    def faults(self, name: str, **faults: Any) -> None:
        """Say what goes wrong on a machine from its next call on; nothing without arguments."""
        file = self.machines[name].folder / FAULTS_FILE
        file.write_text(json.dumps(faults), "utf-8") if faults else file.unlink(missing_ok=True)

    # --- running ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Write the estate and start every machine that does not run."""
        self.write()
        for machine in self.machines.values():
            if machine.process is None or machine.process.ends_within(0):
                (machine.folder / STATUS_FILE).unlink(missing_ok=True)
                machine.process = start_machine(machine.folder)
        for machine in self.machines.values():
            self._wait(machine)
        return self

    def write(self) -> None:
        """Write the estate as it is now."""
        (self.folder / "estate.yaml").write_text(yaml.safe_dump(self.estate), "utf-8")

    def stop(self, name: str) -> None:
        """End a machine's process, by SIGTERM."""
        process = self.machines[name].process
        if process is not None:
            process.terminate()
            assert process.ends_within(WAIT_SECONDS), name
            self.machines[name].process = None

    def _wait(self, machine: SiteMachine) -> None:
        """Wait until the endpoint publishes its counts: its port is open earlier, before the listeners are."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (machine.folder / STATUS_FILE).exists():
            assert machine.process is not None
            if machine.process.ends_within(0.02) or time.monotonic() > deadline:
                raise AssertionError((machine.folder / "log").read_text("utf-8"))

    def cemops(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command in the estate's folder, as an operator without a terminal."""
        return forked_cemops(
            *words,
            folder=self.folder,
            environment={"CEMOPS_ESTATE": str(self.folder / "estate.yaml"), **(environ or {})},
        )

    def plan(self, *words: str) -> dict[str, dict[str, Any]]:
        """Plan, and return the plan's hosts by name. The exit code must be 0 or 1."""
        done = self.cemops("plan", "--format", "json", *words)
        assert done.returncode in (0, 1), done.stderr
        return {host["host"]: host for host in json.loads(done.stdout)["hosts"]}

    def apply(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Apply without asking."""
        return self.cemops("apply", "--yes", *words)

    # --- looking ----------------------------------------------------------------------------------------------

    def presented(self, name: str, port: int, sni: str | None = None) -> str | None:
        """Return the SHA-1 thumbprint that an agent's handshake is shown; None where nothing serves TLS there."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        der = self._handshake(context, name, port, sni)
        return None if der is None else sha1(der, usedforsecurity=False).hexdigest().upper()

    def trusted(self, name: str, port: int) -> bool:
        """Tell whether an agent that trusts the site server root, and nothing else, takes what it is shown."""
        root = self.folder / "pki" / "authorities" / "site-server-root" / "certificate.pem"
        context = ssl.create_default_context(cafile=str(root))
        return self._handshake(context, name, port, f"{name}.corp.test.example") is not None

    def _handshake(self, context: ssl.SSLContext, name: str, port: int, sni: str | None) -> bytes | None:
        try:
            with (
                socket.create_connection((self.machines[name].address, port), timeout=5) as connection,
                context.wrap_socket(connection, server_hostname=sni) as secured,
            ):
                return secured.getpeercert(binary_form=True)
        except OSError:
            return None

    def calls(self, name: str) -> list[str]:
        """Return every writing call that a machine has been asked for in its life."""
        return read_calls(self.machines[name].folder)

    def counts(self, name: str) -> dict[str, Any]:
        """Return what a machine's endpoint has counted since it started."""
        found: dict[str, Any] = json.loads((self.machines[name].folder / STATUS_FILE).read_text("utf-8"))
        return found


def serving(old: ServerCertificate) -> Making:
    """Return how a site server is born that serves an old certificate on its CEM port."""

    def making(born: birth.Newborn) -> Machine:
        machine = birth.site_server(born, birth.https_binding(CEM_PORT))
        birth.serve(machine, CEM_PORT, old)
        return machine

    return making


def thumbprint_of(certificate: ServerCertificate) -> str:
    """Return a certificate's SHA-1 thumbprint, as Windows writes it."""
    return x509.load_pem_x509_certificate(certificate.certificate).fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - Windows names it so


def only(host: Mapping[str, Any], resource: str) -> dict[str, Any]:
    """Return the one change of a resource in a host's plan."""
    found = [change for change in host["changes"] if change["resource"] == resource]
    assert len(found) == 1, [change["id"] for change in host["changes"]]
    change: dict[str, Any] = found[0]
    return change
