"""A gateway of the lab: a real sshd with a host key of its own, in front of an empty gateway root.

Names resolve by libnss-wrapper, which each session gets from ``SetEnv``, so httpd started through ssh
resolves the lab's names too. ``SHLVL`` keeps bash from reading ``.bashrc`` for each command
(ENGINEERING.md), and ``CEMOPS_LAB`` marks what a session leaves behind. One sshd can stand for many
gateways (OpenSSH listens on at most 16 addresses).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.errors import CemopsError
from cemops.lab.folder import make_subfolder, write_file
from cemops.lab.machine import Started, ended_early, record, speaks_ssh
from cemops.lab.preconditions import SEARCH_PATH, LabPrograms, is_locked
from cemops.lab.processes import MARKER_VARIABLE, start

if TYPE_CHECKING:
    from pathlib import Path

    from cemops.lab.trust import SshKey

MAX_LISTENERS = 16
"""OpenSSH's MAX_LISTEN_SOCKS."""

_SSHD_CONFIG = """\
# The lab's ssh server for {names}: key logins of one user, on loopback only.
{listeners}
HostKey {folder}/ssh_host_ed25519_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
AllowUsers {login}
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM {pam}
StrictModes no
UseDNS no
AllowTcpForwarding local
X11Forwarding no
PermitUserRC no
PrintMotd no
PrintLastLog no
MaxStartups 1000
MaxSessions 1000
LoginGraceTime 30
Subsystem sftp internal-sftp
SetEnv {variables}
"""


@dataclass(frozen=True)
class GatewayAddress:
    """One gateway of the machine: its name, address, and ports."""

    name: str
    address: str
    ssh_port: int
    listen_port: int
    root: Path


@dataclass(frozen=True)
class GatewayMachine:
    """An sshd that stands for one gateway, or for up to MAX_LISTENERS ones."""

    lab: Path
    folder: Path
    gateways: tuple[GatewayAddress, ...]
    programs: LabPrograms
    login: str
    host_key: SshKey
    login_key: SshKey
    login_key_file: Path
    hosts_file: Path

    @property
    def name(self) -> str:
        """Name of the first gateway, or a span of names."""
        names = [gateway.name for gateway in self.gateways]
        return names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}"

    def prepare(self) -> None:
        """Write the keys and sshd_config, and make the folders above the gateway roots."""
        make_subfolder(self.folder, 0o755)
        for gateway in self.gateways:
            make_subfolder(gateway.root.parent, 0o755)
        write_file(self.folder / "ssh_host_ed25519_key", self.host_key.private, 0o600)
        write_file(self.folder / "authorized_keys", self.login_key.public + "\n", 0o644)
        write_file(self.folder / "sshd_config", self._configuration(), 0o644)

    def start(self) -> tuple[Started, ...]:
        """Start sshd in the foreground of a session of its own."""
        log = self.folder / "sshd.log"
        process = start(
            [self.programs.sshd, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            self.lab,
            log,
            {"PATH": SEARCH_PATH},
        )
        listeners = tuple(f"{gateway.address}:{gateway.ssh_port}" for gateway in self.gateways)
        recorded = record(self.name, "sshd", listeners, process)
        if recorded is None:
            process.wait()
            raise ended_early(self.name, "sshd", log)
        return (Started(recorded, process, log, self._answers),)

    def _answers(self) -> bool:
        return all(speaks_ssh(gateway.address, gateway.ssh_port) for gateway in self.gateways)

    def _configuration(self) -> str:
        if len(self.gateways) > MAX_LISTENERS:
            raise CemopsError(f"one sshd stands for at most {MAX_LISTENERS} gateways: use several machines")
        variables = {
            MARKER_VARIABLE: str(self.lab),
            "PATH": SEARCH_PATH,
            "SHLVL": "5",
            "LD_PRELOAD": self.programs.nss_wrapper,
            "NSS_WRAPPER_HOSTS": str(self.hosts_file),
        }
        return _SSHD_CONFIG.format(
            names=self.name,
            listeners="\n".join(f"ListenAddress {one.address}:{one.ssh_port}" for one in self.gateways),
            folder=self.folder,
            login=self.login,
            pam="yes" if is_locked(self.login) else "no",
            variables=" ".join(f"{name}={value}" for name, value in variables.items()),
        )
