"""The lab's ``estate.yaml``: two Linux gateways (or more) and a Windows one, one NS, two Internet site servers.

ps1's CEM port is 4726 and ps2's 47260, so that a gateway which matches ports by prefix is found out
(ENGINEERING.md, surprise 1). The servers show the rows of SS-05 (docs/stand-ins.md): the agent site of ns1 and the CEM
binding of ps2 are there and serve nobody, ps1 has none yet, and ps2's HTTPS binding keeps its old certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from cemops.lab.gateway_machine import GatewayAddress

NS_FQDN = "ns1.corp.lab.example"
PS1_FQDN = "ps1.corp.lab.example"
PS2_FQDN = "ps2.corp.lab.example"
AGENT_SITE_PORT = 4726
PS2_CEM_PORT = 47260
HTTP_PORT = 80
HTTPS_PORT = 44300
"""Intranet HTTPS of the site servers, and the console: 443 needs root."""
CONSOLE_SITE = "Default Web Site"
AGENT_SITE = "Symantec Agent Site"
WINRM_AUTHORITY_FILE = "certs/winrm-ca.pem"
ACC_NAME = "acc-agent"
WINDOWS_GATEWAY = "gw3"

_HEADER = """\
# The estate of this lab, written by `cemops lab up`. Try it: change something here, then `cemops plan` and
# `cemops apply`. The next `up` writes it anew (and keeps this one as estate.yaml.old if the lab broke).
"""
_ABOUT_NAMES = """\
  # The allow-list. A gateway must resolve each name on it (IG-13): for a further one, of a new server or under
  # also_known_as, add a line `ADDRESS NAME` to the file hosts-file beside this one.
"""
_OTHER_CERTIFICATE = """\
  # Instead of a certificate that cemops makes: a file of yours, and where its password is (env:, file:, keyring:).
  # certificate: {pfx: certs/gw1.pfx, password: "env:GW1_PFX_PASSWORD"}
"""
_WINDOWS = """\
# Apply refuses (exit code 3) outside change windows, once there are any. Try it:
# change_windows:
#   - {name: sunday-night, days: [sun], start: "02:00", duration_minutes: 240, timezone: Europe/Tallinn}
"""


@dataclass(frozen=True)
class WindowsAddress:
    """How one Windows machine is reached: its WinRM endpoint, and where the password of its account is."""

    name: str
    address: str
    port: int
    account: str
    password_file: Path
    thumbprint: str | None = None
    """Pins the endpoint's certificate; without it the lab's CA for such endpoints has issued it."""


@dataclass(frozen=True)
class EstateInputs:
    """What differs from lab to lab. Secret files are absolute, other files relative to the estate."""

    gateways: tuple[GatewayAddress, ...]
    host_key: dict[str, str]
    """Gateway name -> fingerprint of its host key."""
    login: str
    account: str
    login_key_file: str
    passphrase_file: Path
    confirm_seconds: int
    windows: tuple[WindowsAddress, ...]
    """The Windows machines: ns1, ps1, ps2, and gw3 where the lab has one."""
    acc_password_file: Path


def gateway_fqdn(name: str) -> str:
    """Return the name that agents on the Internet have for a gateway."""
    return f"{name}.lab.example"


def _allow_list() -> list[dict[str, Any]]:
    return [
        {"notification_server": "ns1", "also_known_as": ["ns1"]},
        {"site_server": "ps1"},
        {"site_server": "ps2"},
    ]


def _gateway(inputs: EstateInputs, gateway: GatewayAddress) -> dict[str, Any]:
    return {
        "name": gateway.name,
        "fqdn": gateway_fqdn(gateway.name),
        "platform": "linux",
        "layout": "httpd",
        "connection": {
            "transport": "ssh",
            "address": gateway.address,
            "port": gateway.ssh_port,
            "credential": "lab-login",
            "host_key": inputs.host_key[gateway.name],
        },
        "root": str(gateway.root),
        "public_address": gateway.address,
        "listen": {"addresses": [gateway.address], "port": gateway.listen_port},
        "tls": ["1.2", "1.3"],
        "servers": _allow_list(),
        "certificate": {"self_signed": {"valid_years": 5}},
        "service": {"manager": "direct", "account": inputs.account},
        "confirm_seconds": inputs.confirm_seconds,
        "capacity": {"endpoints": 100, "concurrent_connections": 50},
        "firewall": {"manage": False},
    }


def _windows_gateway(inputs: EstateInputs, machine: WindowsAddress) -> dict[str, Any]:
    """Return the gateway of the vendor's 7.x, on the port of the others (IG-10)."""
    return {
        "name": machine.name,
        "fqdn": gateway_fqdn(machine.name),
        "platform": "windows",
        "layout": "smp-7",
        "connection": _connection(machine),
        "public_address": machine.address,
        "listen": {"addresses": [machine.address], "port": inputs.gateways[0].listen_port},
        "tls": ["1.2", "1.3"],
        "servers": _allow_list(),
        "certificate": {"self_signed": {"valid_years": 5}},
        "capacity": {"endpoints": 100, "concurrent_connections": 50},
        "firewall": {"manage": False},
    }


def _gateways(inputs: EstateInputs) -> list[dict[str, Any]]:
    linux = [_gateway(inputs, gateway) for gateway in inputs.gateways]
    return linux + [_windows_gateway(inputs, one) for one in inputs.windows if one.name == WINDOWS_GATEWAY]


def _windows(inputs: EstateInputs, name: str) -> WindowsAddress:
    return next(machine for machine in inputs.windows if machine.name == name)


def _credential_name(name: str) -> str:
    return f"{name}-admin"


def _connection(machine: WindowsAddress) -> dict[str, Any]:
    known = {"ca_file": WINRM_AUTHORITY_FILE} if machine.thumbprint is None else {"thumbprint": machine.thumbprint}
    return {
        "transport": "winrm",
        "address": machine.address,
        "port": machine.port,
        "credential": _credential_name(machine.name),
        "server_certificate": known,
    }


def _site_server(inputs: EstateInputs, name: str, fqdn: str) -> dict[str, Any]:
    return {
        "name": name,
        "fqdn": fqdn,
        "notification_server": "ns1",
        "connection": _connection(_windows(inputs, name)),
        "version": "8.6 RU2",
        "services": ["package", "task"],
        "package_service": {"constrained": False, "codebases": ["https"]},
        "firewall": {"manage": False},
    }


def _tls_binding(port: int, **flags: bool) -> dict[str, Any]:
    return {
        "enabled": True,
        "port": port,
        **flags,
        "install_certificate": True,
        "certificate": {"issued_by": "site-server-root"},
    }


def _web(http: dict[str, Any], cem: dict[str, Any]) -> dict[str, Any]:
    return {"http": http, "https": _tls_binding(HTTPS_PORT), "cem": cem}


def _authorities() -> dict[str, Any]:
    return {
        "ns1-root": {
            "kind": "ns-root",
            "source": "local",
            "notification_server": "ns1",
            "common_name": "Lab NS1 Root",
            "valid_years": 10,
        },
        "site-server-root": {
            "kind": "site-server-root",
            "source": "local",
            "notification_server": "ns1",
            "common_name": "Lab Site Server Root",
            "valid_years": 10,
        },
    }


def estate_document(inputs: EstateInputs) -> dict[str, Any]:
    """Return the estate as plain data, in the order of the example."""
    ps2_cem = _tls_binding(PS2_CEM_PORT, force_overwrite=True)
    ps2_web = {"enabled": True, **_web({"enabled": True, "port": HTTP_PORT}, ps2_cem)}
    return {
        "cemops": 1,
        "estate": "lab",
        "credentials": {
            "lab-login": {"username": inputs.login, "private_key_file": inputs.login_key_file},
            **{
                _credential_name(one.name): {
                    "username": f".\\{one.account}",
                    "password": f"file:{one.password_file}",
                }
                for one in inputs.windows
            },
        },
        "pki": {"folder": "pki", "passphrase": f"file:{inputs.passphrase_file}"},
        "authorities": _authorities(),
        "resource_targets": [{"name": "All cloud-enabled computers", "builtin": True}],
        "notification_servers": [
            {
                "name": "ns1",
                "fqdn": NS_FQDN,
                "version": "8.6 RU2",
                "root_authority": "ns1-root",
                "connection": _connection(_windows(inputs, "ns1")),
                "console_site": {"name": CONSOLE_SITE, "port": HTTPS_PORT, "require_https": True},
                "agent_site": {
                    "name": AGENT_SITE,
                    "port": AGENT_SITE_PORT,
                    "create": "console",
                    "certificate": {"issued_by": "site-server-root"},
                },
                "tls": ["1.2", "1.3"],
                "firewall": {"manage": False},
            },
        ],
        "site_server_settings": [
            {
                "notification_server": "ns1",
                "web": _web({"enabled": True, "port": HTTP_PORT}, _tls_binding(AGENT_SITE_PORT)),
                "agent_connectivity_credential": {
                    "username": ACC_NAME,
                    "password": f"file:{inputs.acc_password_file}",
                    "create_local_account": True,
                    "unlock": True,
                },
            },
        ],
        "site_servers": [
            _site_server(inputs, "ps1", PS1_FQDN),
            {**_site_server(inputs, "ps2", PS2_FQDN), "overrides": {"web": ps2_web}},
        ],
        "internet_sites": [
            {
                "name": "Default Internet Site",
                "notification_server": "ns1",
                "resource_targets": ["All cloud-enabled computers"],
                "site_servers": ["ps1", "ps2"],
            },
        ],
        "gateways": _gateways(inputs),
        "policies": [
            {
                "name": "Cloud-enabled Management Settings",
                "notification_server": "ns1",
                "enabled": True,
                "gateways": [gateway["name"] for gateway in _gateways(inputs)],
                "resource_targets": ["All cloud-enabled computers"],
            },
        ],
    }


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out each time: the file is for people, who do not read YAML anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # PyYAML's interface
        return True


def render_estate(inputs: EstateInputs) -> str:
    """Return the text of ``estate.yaml``; comments at the first gateway and at the end say what to try."""
    text = yaml.dump(estate_document(inputs), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110)
    text = text.replace("\n  servers:\n", f"\n{_ABOUT_NAMES}  servers:\n", 1)
    return _HEADER + text.replace("\n  certificate:\n", f"\n{_OTHER_CERTIFICATE}  certificate:\n", 1) + _WINDOWS
