"""A real sshd with a host key of every kind, one user's key, and a log that tells of every log-on that was tried."""

from __future__ import annotations

import getpass
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.probe_bench import free_port

KINDS = ("ed25519", "ecdsa", "rsa")
PASSPHRASE = "canary-passphrase-of-a-key"


@dataclass(frozen=True)
class SshServer:
    """An sshd on 127.0.0.1 in ``folder``."""

    folder: Path
    port: int

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def tried(self, since: int) -> bool:
        """Whether the log tells of a log-on that was tried after its first ``since`` characters."""
        said = self.log[since:]
        return any(word in said for word in ("Accepted ", "Failed ", "Invalid user", "authenticating user"))

    def host_key(self, kind: str) -> str:
        """The fingerprint as ssh-keygen prints it."""
        done = subprocess.run(
            ["ssh-keygen", "-lf", str(self.folder / f"host_{kind}.pub")], check=True, capture_output=True, text=True
        )
        return done.stdout.split()[1]

    def known_hosts_line(self, kind: str) -> str:
        return f"[127.0.0.1]:{self.port} " + (self.folder / f"host_{kind}.pub").read_text("utf-8")

    @property
    def user_key(self) -> Path:
        return self.folder / "user"


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    server = SshServer(folder, free_port())
    for kind in KINDS:
        make_key(folder / f"host_{kind}", kind)
    make_key(folder / "user")
    make_key(folder / "encrypted", passphrase=PASSPHRASE)
    keys = "".join((folder / f"{name}.pub").read_text("utf-8") for name in ("user", "encrypted"))
    (folder / "authorized_keys").write_text(keys, "utf-8")
    stub = folder / "bin" / "sudo"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n", "utf-8")
    stub.chmod(0o755)
    (folder / "sshd_config").write_text(_configuration(server), "utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log
        )
    try:
        for _ in range(200):
            assert process.poll() is None, server.log
            if "Server listening" in server.log:
                break
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True, timeout=60)


def user_name() -> str:
    return getpass.getuser()


def _configuration(server: SshServer) -> str:
    folder = server.folder
    host_keys = "".join(f"HostKey {folder}/host_{kind}\n" for kind in KINDS)
    return (
        f"ListenAddress 127.0.0.1:{server.port}\n{host_keys}PidFile {folder}/pid\nStrictModes no\nLogLevel VERBOSE\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nUsePAM no\nPermitRootLogin yes\nMaxStartups 100\n"
        f"PasswordAuthentication no\nSetEnv SHLVL=5 PATH={folder}/bin:/usr/bin:/bin\n"
    )
