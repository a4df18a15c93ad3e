"""From settings to machines: chooses addresses, keys and certificates, and writes the lab's files."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.lab.addresses import choose_addresses, free_port
from cemops.lab.estate_document import WINRM_AUTHORITY_FILE, EstateInputs, WindowsAddress, render_estate
from cemops.lab.folder import make_subfolder, write_file
from cemops.lab.gateway_machine import GatewayAddress, GatewayMachine
from cemops.lab.preconditions import LabPrograms, login_name, service_account
from cemops.lab.trust import LabAuthority, SshKey, make_ssh_key
from cemops.lab.windows.birth import ADMINISTRATOR
from cemops.lab.windows_machine import WINRM_PORT, WindowsMachine
from cemops.lab.windows_servers import HOSTS_FILE, SERVER_PORTS, draw_up_servers, draw_up_windows_gateway

if TYPE_CHECKING:
    from pathlib import Path

    from cemops.lab.machine import Machine

ESTATE_FILE = "estate.yaml"
ENV_FILE = "env"
_LOGIN_KEY_FILE = "secrets/id_ed25519"
_PASSPHRASE_FILE = "secrets/pki-passphrase"  # noqa: S105  # a file's name
_SSH_PORTS = (2222, 2022, 12222, 22222)
_LISTEN_PORTS = (8443, 9443, 10443, 18443)
_ACC_PASSWORD_FILE = "secrets/acc-password"  # noqa: S105  # a file's name


@dataclass(frozen=True)
class LabSettings:
    """What can be chosen about a lab; ``gateways_per_sshd`` (at most 16) above 1 makes them share an sshd."""

    gateways: int = 2
    gateways_per_sshd: int = 1
    confirm_seconds: int = 20
    windows_gateway: bool = True
    """Whether there is gw3, the vendor's gateway on Windows."""


@dataclass(frozen=True)
class Blueprint:
    """A lab that is chosen but not started."""

    gateways: tuple[GatewayAddress, ...]
    gateway_machines: tuple[GatewayMachine, ...]
    server_machines: tuple[WindowsMachine, ...]
    windows_gateway: WindowsMachine | None

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Every machine, servers first."""
        return (*self.windows_machines, *self.gateway_machines)

    @property
    def windows_machines(self) -> tuple[WindowsMachine, ...]:
        """Every stand-in."""
        return (*self.server_machines, *filter(None, [self.windows_gateway]))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the servers, as gateways must resolve them (IG-13)."""
        return tuple(name for machine in self.server_machines for name in (machine.fqdn, machine.name))


def _gateway_addresses(
    folder: Path, addresses: tuple[str, ...], ssh_port: int, listen_port: int
) -> tuple[GatewayAddress, ...]:
    return tuple(
        GatewayAddress(f"gw{number}", address, ssh_port, listen_port, folder / "hosts" / f"gw{number}" / "root")
        for number, address in enumerate(addresses, start=1)
    )


def _gateway_machines(
    folder: Path,
    gateways: tuple[GatewayAddress, ...],
    settings: LabSettings,
    programs: LabPrograms,
    login_key: SshKey,
) -> tuple[GatewayMachine, ...]:
    step = settings.gateways_per_sshd
    return tuple(
        GatewayMachine(
            lab=folder,
            folder=gateways[first].root.parent / "sshd",
            gateways=gateways[first : first + step],
            programs=programs,
            login=login_name(),
            host_key=make_ssh_key(),
            login_key=login_key,
            login_key_file=folder / _LOGIN_KEY_FILE,
            hosts_file=folder / HOSTS_FILE,
        )
        for first in range(0, len(gateways), step)
    )


def _password_file(name: str) -> str:
    return f"secrets/{name}-password"


def _hosts_file(servers: tuple[WindowsMachine, ...]) -> str:
    """Return what gateways must resolve (IG-13), and no more: nss_wrapper gives up on a file of some fifty lines."""
    return "".join(f"{one.address} {one.fqdn} {one.name}\n" for one in servers)


def _env_file(folder: Path) -> str:
    return (
        "# What commands need to work on this lab; secrets are in files that the estate refers to.\n"
        f"export CEMOPS_ESTATE={shlex.quote(str(folder / ESTATE_FILE))}\n"
    )


def draw_up(folder: Path, settings: LabSettings, programs: LabPrograms) -> Blueprint:
    """Choose addresses and keys for a lab in ``folder`` and write all its files; starts nothing.

    Raises CemopsError if there are no free addresses or ports.
    """
    ssh_port, listen_port = free_port(_SSH_PORTS), free_port(_LISTEN_PORTS)
    ports = [(ssh_port, listen_port)] * settings.gateways + list(SERVER_PORTS)
    if settings.windows_gateway:
        ports.append((WINRM_PORT, listen_port))
    addresses = choose_addresses(folder, ports)
    servers = addresses[settings.gateways : settings.gateways + len(SERVER_PORTS)]
    login_key, authority = make_ssh_key(), LabAuthority("Lab WinRM CA")
    gateways = _gateway_addresses(folder, addresses[: settings.gateways], ssh_port, listen_port)
    blueprint = Blueprint(
        gateways=gateways,
        gateway_machines=_gateway_machines(folder, gateways, settings, programs, login_key),
        server_machines=draw_up_servers(folder, servers, authority),
        windows_gateway=draw_up_windows_gateway(folder, addresses[-1], servers, programs, authority)
        if settings.windows_gateway
        else None,
    )
    _write_files(folder, blueprint, settings, login_key, authority)
    return blueprint


def _write_files(
    folder: Path, blueprint: Blueprint, settings: LabSettings, login_key: SshKey, authority: LabAuthority
) -> None:
    make_subfolder(folder / "secrets", 0o700)
    make_subfolder(folder / "certs", 0o755)
    make_subfolder(folder / "hosts", 0o755)
    write_file(folder / _LOGIN_KEY_FILE, login_key.private, 0o600)
    write_file(folder / _PASSPHRASE_FILE, secrets.token_urlsafe(24) + "\n", 0o600)
    write_file(folder / _ACC_PASSWORD_FILE, secrets.token_urlsafe(24) + "\n", 0o600)
    for server in blueprint.windows_machines:
        write_file(folder / _password_file(server.name), server.password + "\n", 0o600)
    write_file(folder / WINRM_AUTHORITY_FILE, authority.pem, 0o644)
    write_file(folder / HOSTS_FILE, _hosts_file(blueprint.server_machines), 0o644)
    write_file(folder / ESTATE_FILE, render_estate(_estate_inputs(folder, blueprint, settings)), 0o644)
    write_file(folder / ENV_FILE, _env_file(folder), 0o600)
    for machine in blueprint.machines:
        machine.prepare()


def _estate_inputs(folder: Path, blueprint: Blueprint, settings: LabSettings) -> EstateInputs:
    return EstateInputs(
        gateways=blueprint.gateways,
        host_key={
            gateway.name: machine.host_key.fingerprint
            for machine in blueprint.gateway_machines
            for gateway in machine.gateways
        },
        login=login_name(),
        account=service_account(),
        login_key_file=_LOGIN_KEY_FILE,
        passphrase_file=folder / _PASSPHRASE_FILE,
        confirm_seconds=settings.confirm_seconds,
        windows=tuple(_windows_address(folder, machine) for machine in blueprint.windows_machines),
        acc_password_file=folder / _ACC_PASSWORD_FILE,
    )


def _windows_address(folder: Path, machine: WindowsMachine) -> WindowsAddress:
    return WindowsAddress(
        name=machine.name,
        address=machine.address,
        port=WINRM_PORT,
        account=ADMINISTRATOR,
        password_file=folder / _password_file(machine.name),
        thumbprint=machine.thumbprint if machine.pinned else None,
    )
