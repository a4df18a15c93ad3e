"""The Windows machines of the lab: where they are, and how each is found before the first apply (SS-05).

ns1: the console serves; the agent site was made in the console, and http.sys has no certificate for it. ps1: port 80
and nothing else. ps2: an HTTPS binding that serves a certificate of an earlier CA, and a CEM binding whose certificate
somebody has deleted, so that nobody can connect there. gw3: the vendor's gateway 7.x, installed and not set up.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cemops.lab.estate_document import (
    AGENT_SITE_PORT,
    HTTPS_PORT,
    NS_FQDN,
    PS1_FQDN,
    PS2_CEM_PORT,
    PS2_FQDN,
    WINDOWS_GATEWAY,
    gateway_fqdn,
)
from cemops.lab.trust import LabAuthority
from cemops.lab.windows.birth import (
    Newborn,
    https_binding,
    name_for,
    notification_server,
    serve,
    site_server,
    stored,
)
from cemops.lab.windows.birth_gateway import CONFIGURATION, SERVICE, smp7_gateway
from cemops.lab.windows.gateway_programs import HttpdSettings
from cemops.lab.windows_machine import WINRM_PORT, WindowsMachine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cemops.lab.preconditions import LabPrograms
    from cemops.lab.windows.machine_model import Machine

_SERVERS = (("ns1", NS_FQDN, AGENT_SITE_PORT), ("ps1", PS1_FQDN, AGENT_SITE_PORT), ("ps2", PS2_FQDN, PS2_CEM_PORT))
HOSTS_FILE = "hosts-file"
"""Names and addresses as the gateways of the lab resolve them (IG-13); in its folder, for people to add to."""
SERVER_PORTS = tuple((WINRM_PORT, port, HTTPS_PORT) for _, _, port in _SERVERS)
"""The ports that will listen on each server's address."""
_PINNED = frozenset({"ns1"})
"""Servers whose WinRM endpoint the estate knows by thumbprint; the others by the CA."""


def _ns1(born: Newborn, old: LabAuthority) -> Machine:
    return notification_server(born, HTTPS_PORT, AGENT_SITE_PORT, old.issue((born.fqdn, born.name)))


def _ps1(born: Newborn, old: LabAuthority) -> Machine:  # noqa: ARG001  # one of the births
    return site_server(born)


def _ps2(born: Newborn, old: LabAuthority) -> Machine:
    machine = site_server(born, https_binding(HTTPS_PORT), https_binding(PS2_CEM_PORT))
    serve(machine, HTTPS_PORT, old.issue((born.fqdn, born.name)))
    name_for(machine, PS2_CEM_PORT, stored(old.issue((born.fqdn,))))
    return machine


_BIRTHS: dict[str, Callable[[Newborn, LabAuthority], Machine]] = {"ns1": _ns1, "ps1": _ps1, "ps2": _ps2}


def names_of(addresses: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the names of the servers at these addresses, as every machine of the lab resolves them (IG-13)."""
    placed = zip(_SERVERS, addresses, strict=True)
    return {one: (address,) for (name, fqdn, _), address in placed for one in (name, fqdn)}


def draw_up_servers(folder: Path, addresses: tuple[str, ...], authority: LabAuthority) -> tuple[WindowsMachine, ...]:
    """Return the servers' machines; ``authority`` issues the certificates of their WinRM endpoints."""
    old = LabAuthority("Former Site Server Root")
    names = names_of(addresses)
    placed = [(name, fqdn, address) for (name, fqdn, _), address in zip(_SERVERS, addresses, strict=True)]
    return tuple(
        WindowsMachine(
            lab=folder,
            folder=folder / "hosts" / name,
            name=name,
            fqdn=fqdn,
            address=address,
            born=_BIRTHS[name](Newborn(folder / "hosts" / name, name, fqdn, address, names), old),
            certificate=authority.issue((fqdn, name, address), p256=True),
            password=secrets.token_urlsafe(24),
            pinned=name in _PINNED,
        )
        for name, fqdn, address in placed
    )


def draw_up_windows_gateway(
    folder: Path, address: str, servers: tuple[str, ...], programs: LabPrograms, authority: LabAuthority
) -> WindowsMachine:
    """Return the machine of gw3, whose httpd resolves the servers at these addresses, and what HOSTS_FILE names."""
    place, fqdn = folder / "hosts" / WINDOWS_GATEWAY, gateway_fqdn(WINDOWS_GATEWAY)
    born = smp7_gateway(Newborn(place, WINDOWS_GATEWAY, fqdn, address, names_of(servers)))
    born.hosts_file = folder / HOSTS_FILE
    return WindowsMachine(
        lab=folder,
        folder=place,
        name=WINDOWS_GATEWAY,
        fqdn=fqdn,
        address=address,
        born=born,
        certificate=authority.issue((fqdn, WINDOWS_GATEWAY, address), p256=True),
        password=secrets.token_urlsafe(24),
        pinned=True,
        httpd=HttpdSettings(
            programs.httpd, programs.httpd_modules, SERVICE, CONFIGURATION, nss_wrapper=programs.nss_wrapper
        ),
    )
