"""A Windows gateway (layout ``smp-7``) as a stand-in with a real httpd, a server behind it, and agents before it.

Below /tmp and open to enter: httpd's children look for client CAs and CRLs in the gateway's folders, as nobody.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from cemops.lab.folder import write_file
from cemops.lab.trust import ServerCertificate
from cemops.lab.windows import birth
from cemops.lab.windows.birth_gateway import CONFIGURATION, INSTALL_FOLDER, SERVICE, smp7_gateway
from cemops.lab.windows.gateway_programs import HttpdSettings
from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.machine_model import Machine
from tests.functional.gateway_agent import Outer
from tests.functional.gateway_backends import EchoServer
from tests.functional.gateway_httpd import HTTPD, MODULES
from tests.functional.gateway_pki import Issued, TestAuthority, pem
from tests.functional.windows.windows_site import AGENT_PORT, Making, SiteMachine, WindowsSite

NS_FQDN = "ns1.corp.test.example"
FQDN = "gw3.test.example"
PORT = 8443
APACHE = rf"{INSTALL_FOLDER}\Apache"


@contextmanager
def gateway_site() -> Iterator[GatewaySite]:
    """A folder that nobody's processes can enter, and a site in it; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cemops-windows-gateway-"))
    folder.chmod(0o755)
    try:
        with GatewaySite(folder / "site") as site:
            yield site
    finally:
        shutil.rmtree(folder)


class GatewaySite(WindowsSite):
    """``site.add_gateway(); site.start(); site.apply()``. The server behind the gateway is ns1's agent port."""

    def __enter__(self) -> Self:
        self.declare_notification_server()
        served = TestAuthority("Server Root").issue(NS_FQDN, server=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(served.write(self.folder))
        self._servers: list[EchoServer] = []
        self._listen(f"{self.network}.100", AGENT_PORT)
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for server in self._servers:
            server.close()

    def _listen(self, address: str, port: int) -> None:
        self._servers.append(EchoServer(socket.create_server((address, port)), self._context))

    def impostor(self) -> str:
        """Return an address at which something else than the gateway answers on its port."""
        address = f"{self.network}.101"
        self._listen(address, PORT)
        return address

    def add_gateway(
        self,
        name: str = "gw3",
        certificate: ServerCertificate | None = None,
        making: Making | None = None,
        configuration: str = CONFIGURATION,
        **changes: Any,
    ) -> SiteMachine:
        """Declare a gateway; born with the vendor's installation of 7.x, its service stopped."""
        fqdn = f"{name}.test.example"

        def made(born: birth.Newborn) -> Machine:
            born.names.update({NS_FQDN: (f"{self.network}.100",)})
            return smp7_gateway(born, certificate) if making is None else making(born)

        machine = self._add(name, fqdn, made)
        wrapper = next(iter(sorted(Path("/usr/lib").glob("*/libnss_wrapper.so"))), "")
        HttpdSettings(HTTPD, MODULES, SERVICE, configuration, str(wrapper)).write(machine.folder)
        gateway = {
            "name": name,
            "fqdn": fqdn,
            "platform": "windows",
            "layout": "smp-7",
            "connection": self.connection(name),
            "public_address": machine.address,
            "listen": {"addresses": [machine.address], "port": PORT},
            "servers": [{"notification_server": "ns1"}],
            "capacity": {"concurrent_connections": 20},
            "confirm_seconds": 30,
            "firewall": {"manage": False},
        }
        self.estate.setdefault("gateways", []).append(gateway | changes)
        return machine

    @property
    def gateway(self) -> dict[str, Any]:
        """The first gateway's section of the estate: change it, then ``write``."""
        found: dict[str, Any] = self.estate["gateways"][0]
        return found

    def machine(self, name: str = "gw3") -> Machine:
        """Return a machine as it is at rest."""
        return load_machine(self.machines[name].folder)

    def file(self, path: str, name: str = "gw3") -> bytes | None:
        """Return what a file of the gateway holds."""
        return self.machine(name).drive.read(path)

    def write_file(self, path: str, content: bytes, name: str = "gw3") -> None:
        """Change a file of the gateway by hand."""
        self.machine(name).drive.write(path, content, private=False)

    def files(self, folder: str, name: str = "gw3") -> list[str]:
        """Return the names of the files in a folder of the gateway."""
        found = self.machine(name).drive.list_folder(folder, 0, ())
        return [] if found is None else sorted(found["files"])

    def serving(self, name: str = "gw3") -> str | None:
        """Return the thumbprint that the gateway presents."""
        return self.presented(name, PORT, f"{name}.test.example")

    def state_of_service(self, name: str = "gw3") -> str:
        """Return how the gateway's service stands."""
        return self.machine(name).services[SERVICE].state

    def resolve(self, alias: str, name: str = "gw3") -> None:
        """Let a gateway resolve another name of ns1; its process starts anew with that."""
        self.stop(name)
        machine = self.machine(name)
        machine.names[alias] = machine.names[NS_FQDN]
        save_machine(machine)
        self.start()

    def eventually(self, condition: Callable[[], bool]) -> bool:
        """Tell whether something holds within twenty seconds."""
        end = time.monotonic() + 20
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def let_dead_men_act(self, name: str = "gw3") -> None:
        """Let the time of every dead man come while the machine is off; it acts at the next start."""
        self.stop(name)
        machine = self.machine(name)
        for man in machine.dead_men:
            man.due_ms = 1
        save_machine(machine)

    def declare_external_root(self, authority: TestAuthority, crl: str, agent: Issued) -> None:
        """Let agents of ns1 be of an authority that cemops has no key of, and let it play ``agent``."""
        (self.folder / "ns1-root.cer").write_text(pem(authority.certificate), "ascii")
        (self.folder / "ns1-root.crl").write_text(crl, "ascii")
        password = "probe"
        packed = pkcs12.serialize_key_and_certificates(
            b"agent", agent.key, agent.certificate, None, BestAvailableEncryption(password.encode())
        )
        write_file(self.folder / "agent.pfx", packed, 0o600)
        write_file(self.folder / "agent-password", password.encode(), 0o600)
        self.estate["authorities"]["ns1-root"] = {
            "kind": "ns-root",
            "source": "external",
            "certificate": "ns1-root.cer",
            "crl": "ns1-root.crl",
        }
        self.estate["notification_servers"][0]["probe_certificate"] = {
            "pfx": "agent.pfx",
            "password": "file:agent-password",
        }

    def agent_gets(self, agent: Issued, target: str, name: str = "gw3") -> int | None:
        """Ask for a tunnel as an agent; return the answer's status, None where TLS itself refuses the agent."""
        certificate = agent.write(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(certificate)
        place = (self.machines[name].address, PORT)
        try:
            with (
                socket.create_connection(place, timeout=5) as connection,
                context.wrap_socket(connection, server_hostname=f"{name}.test.example") as secured,
            ):
                return Outer(secured).connect(target)
        except (ssl.SSLError, ConnectionError):
            return None


def warnings_of(host: dict[str, Any]) -> set[str]:
    """Return the codes of all warnings of a host's plan."""
    every = [*host.get("warnings", []), *(one for change in host["changes"] for one in change["warnings"])]
    return {one["code"] for one in every}


def shown(done: Any) -> str:
    """Return everything that a command printed, for a failed assertion."""
    return f"{done.returncode}\n{done.stdout}\n{done.stderr}"
