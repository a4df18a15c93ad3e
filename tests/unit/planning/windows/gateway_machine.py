"""A Windows gateway in memory: its folders and service take the payload's actions, as docs/windows-payload.md has them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cemops.model.certificates import CertificateFacts
from cemops.model.connections import WinrmConnection
from cemops.model.gateways import Gateway
from cemops.model.topology import Target
from cemops.model.windows_observed import ObservedFileContent, ObservedWindows, WindowsService
from cemops.planning.certificate_choice import choose_certificate
from cemops.planning.materials import AuthorityMaterial, GatewayCertificateMaterial, GatewayMaterials
from cemops.planning.revocation import LiveTrust
from cemops.planning.windows.gateway.desired import DesiredWindowsGateway, FoundTrust, TrustFile
from cemops.planning.windows.gateway.folders import GATEWAY_SERVICE, INSTALL_FOLDERS, GatewayFolders
from cemops.planning.windows.plan import PayloadAction
from tests.unit.planning.gateway_situations import FQDN, NAME, certificate, material

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = INSTALL_FOLDERS[0]
FOLDERS = GatewayFolders(ROOT)
HTTPD = rf"{ROOT}\Apache\bin\httpd.exe"
LOCAL_SERVICE = r"NT AUTHORITY\LocalService"
KEY = b"the gateway's private key"
SMP7 = (FOLDERS.conf, FOLDERS.apache_certs, rf"{FOLDERS.apache_certs}\client", rf"{FOLDERS.apache_certs}\crl")
SMP8 = (FOLDERS.certs, rf"{FOLDERS.certs}\client", rf"{FOLDERS.certs}\crl")
SERVING = WindowsService(GATEWAY_SERVICE, "Running", "Automatic", LOCAL_SERVICE, f'"{HTTPD}" -k runservice')
SELF_SIGNED = GatewayCertificateMaterial("self_signed", certificate("A"), can_make=True)


@dataclass
class GatewayInMemory:
    """What lies on the machine, by path; ``calls`` counts restarts, tests and rehearsals."""

    folders: set[str]
    files: dict[str, bytes] = field(default_factory=dict)
    service: WindowsService = SERVING
    readers: dict[str, set[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def observed(self, **changes: Any) -> ObservedWindows:
        """The machine as the payload tells it."""
        found = ObservedWindows(
            clock=NOW,
            computer="GW",
            os_caption="Windows Server 2016",
            os_version="10.0",
            domain_role=2,
            user="gw\\cemops",
            elevated=True,
            iis_installed=False,
            services={GATEWAY_SERVICE: self.service},
            folders={folder: self._listing(folder) for folder in self.folders},
            resolved={NAME: ("10.20.0.10",)},
        )
        return replace(found, **changes)

    def _listing(self, folder: str) -> Mapping[str, ObservedFileContent]:
        return {
            path.rpartition("\\")[2]: ObservedFileContent(
                hashlib.sha256(content).hexdigest(), len(content), None if path.endswith(".key") else content
            )
            for path, content in self.files.items()
            if path.rpartition("\\")[0] == folder
        }

    def run(self, actions: Iterable[PayloadAction]) -> None:
        """Do what the payload does; an unknown op is an error."""
        for action in actions:
            getattr(self, f"_{action.op.replace('.', '_')}")(**action.fields, **self._secret(action))

    def _secret(self, action: PayloadAction) -> dict[str, Any]:
        if action.material is None:
            return {}
        assert action.material == "key:gateway"
        return {"content": base64.b64encode(KEY).decode(), "sha256": hashlib.sha256(KEY).hexdigest()}

    def _folder_ensure(self, path: str, private: bool) -> None:
        assert private
        self.folders.add(path)

    def _file_write(self, path: str, content: str, sha256: str, private: bool) -> None:
        assert path.rpartition("\\")[0] in self.folders, path
        decoded = base64.b64decode(content)
        assert hashlib.sha256(decoded).hexdigest() == sha256
        assert private is path.endswith(".key")
        self.files[path] = decoded
        if private:
            self.readers[path] = set()

    def _file_copy(self, source: str, target: str) -> None:
        self.files[target] = self.files[source]

    def _file_remove(self, path: str) -> None:
        self.files.pop(path, None)

    def _file_allow(self, path: str, account: str) -> None:
        assert path in self.files
        self.readers.setdefault(path, set()).add(account)

    def _service_set(self, service: str, state: str, start: str | None = None) -> None:
        assert service == GATEWAY_SERVICE
        self.service = replace(self.service, state=state, start=start or self.service.start)

    def _service_restart(self, service: str) -> None:
        assert service == GATEWAY_SERVICE
        self.calls.append("restart")
        self.service = replace(self.service, state="Running")

    def _httpd_test(self, program: str, configuration: str) -> None:
        assert (program, configuration in self.files) == (HTTPD, True)
        self.calls.append(f"test {configuration.removeprefix(ROOT)}")

    def _httpd_rehearse(self, program: str, configuration: str, port: int, seconds: int) -> None:
        assert (program, configuration in self.files) == (HTTPD, True)
        assert seconds > 0
        self.calls.append(f"rehearse on {port}")


def installed(*folders: str) -> GatewayInMemory:
    """A machine with these folders of the vendor's."""
    return GatewayInMemory({ROOT, *folders})


def gateway(layout: str = "smp-7", **changes: Any) -> Gateway:
    values: dict[str, Any] = {
        "name": "gw1",
        "fqdn": FQDN,
        "platform": "windows",
        "layout": layout,
        "connection": WinrmConnection(
            transport="winrm", address="203.0.113.12", credential="gw", server_certificate={"ca_file": "ca.pem"}
        ),
        "servers": ({"notification_server": "ns1"},),
        "firewall": {"manage": False},
    }
    return Gateway(**(values | changes))


def desired(
    live: CertificateFacts | None = None,
    *,
    layout: str = "smp-7",
    text: str = "Listen 443 https\n",
    authorities: tuple[AuthorityMaterial, ...] = (material("C"),),
    own: GatewayCertificateMaterial = SELF_SIGNED,
    key_matches: bool = True,
    **changes: Any,
) -> DesiredWindowsGateway:
    """A desired gateway, its certificate chosen from what is live as the real composition does it."""
    wanted = gateway(layout, **changes)
    choice = choose_certificate(own, live, key_matches, FQDN, NOW)
    client = tuple(_trust(one, "cer", "0", layout) for one in authorities)
    crls = tuple(_trust(one, "crl", "r0", layout) for one in authorities if one.crl or one.will_make_crl)
    return DesiredWindowsGateway(
        wanted,
        choice,
        GatewayMaterials(wanted.name, authorities, own),
        client=client,
        crl=crls,
        targets=(Target("ns1", "notification_server", NAME, 4726), Target("ps1", "site_server", NAME, 4726)),
        configuration=text,
        rehearsal=f"rehearsal of {text}",
        rehearsal_port=23456,
        certificate_pem=choice.facts.pem if choice.facts else None,
    )


def _trust(one: AuthorityMaterial, kind: str, hashed: str, layout: str) -> TrustFile:
    facts = one.certificate if kind == "cer" else one.crl
    text = None if facts is None else facts.pem
    if layout == "smp-8":
        return TrustFile(one.name, (f"cemops-{one.name}.{kind}",), text)
    return TrustFile(one.name, (f"{one.name}.{kind}", *((f"0000000c.{hashed}",) if text else ())), text)


def found(live: CertificateFacts | None = None, **changes: Any) -> FoundTrust:
    """What the files hold, as execution reads it."""
    return FoundTrust(LiveTrust((), (), live, key_matches=live is not None), **changes)
