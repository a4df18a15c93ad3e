"""A real httpd that runs what ``render_httpd_conf`` gives, with its own PKI, name resolution and servers behind it.

``with GatewayHttpd() as gateway: gateway.start(); gateway.dial(gateway.agent).connect(NS1)``. As root the children
run as nobody; with ``rootless=True``, or when the tests do not run as root, all of httpd is unprivileged.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_httpd import HttpdInputs, render_httpd_conf
from tests.functional.gateway_agent import Outer, dial
from tests.functional.gateway_backends import PORT, PREFIXED_PORT, Backends
from tests.functional.gateway_pki import Issued, TestAuthority, key_pem, pem

if TYPE_CHECKING:
    from collections.abc import Sequence

FQDN = "gw1.example"
NS1 = f"ns1.corp.example:{PORT}"
PS2 = f"ps2.corp.example:{PREFIXED_PORT}"
ACCOUNT = "nobody"
HTTPD = shutil.which("apache2", path="/usr/sbin:/usr/bin") or shutil.which("httpd", path="/usr/sbin:/usr/bin") or ""
MODULES = "/usr/lib/apache2/modules"
AS_NOBODY = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--")
NSS_WRAPPER = "libnss_wrapper.so"
_TRIES = 1000
_PAUSE = 0.02


@dataclass(frozen=True)
class Listed:
    """One allow-list entry."""

    host: str
    port: int


def replaced(text: str, old: str, new: str) -> str:
    """``text`` with ``old`` changed to ``new``; fails where there is no ``old``, so a wrong form is really wrong."""
    assert old in text
    return text.replace(old, new)


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


def eventually(condition: Any) -> bool:
    """True as soon as ``condition()`` is; False when it never was in twenty seconds."""
    for _ in range(_TRIES):
        if condition():
            return True
        time.sleep(_PAUSE)
    return False


class GatewayHttpd:
    """The folder, PKI and servers of one gateway, and its httpd once started. Use as a context manager."""

    def __init__(self, *, rootless: bool = False, name: str = "cemops-httpd-") -> None:
        self.root_user = os.geteuid() == 0
        self.drops_to_nobody = self.root_user and not rootless
        self.prefix = AS_NOBODY if self.root_user and rootless else ()
        self.folder = Path(tempfile.mkdtemp(prefix=name))
        self.process: subprocess.Popen[bytes] | None = None
        self.authority = TestAuthority("ns1 root")
        self.server = TestAuthority("gateway ca").issue(FQDN, server=True)
        self.agent = self.authority.issue("agent one")
        self.revoked = self.authority.issue("agent revoked")
        self.expired = self.authority.issue("agent expired", until=timedelta(days=-1))
        self.stranger = TestAuthority("unknown ca").issue("stranger")
        self.backends = Backends(self.folder)
        self.release = self.folder / "releases" / "1"
        self._lay_out()
        self.inputs = HttpdInputs(
            modules_dir=MODULES,
            fqdn=FQDN,
            listen=(("127.0.0.1", free_port()),),
            tls=("1.2", "1.3"),
            targets=(Listed("ns1.corp.example", PORT), Listed("ps2.corp.example", PREFIXED_PORT)),
            sizing=gateway_sizing(20),
            root=str(self.folder),
            release_dir=str(self.release),
            certificate=str(self.folder / "tls.crt"),
            key=str(self.folder / "tls.key"),
            has_crl=True,
            every_ca_has_crl=True,
            account=ACCOUNT if self.drops_to_nobody else None,
            group="nogroup" if self.drops_to_nobody else None,
        )

    def _lay_out(self) -> None:
        self.release.mkdir(parents=True)
        (self.folder / "run").mkdir()
        (self.folder / "logs").mkdir()
        (self.folder / "tls.crt").write_text(pem(self.server.certificate))
        (self.folder / "tls.key").write_text(key_pem(self.server.key))
        (self.folder / "tls.key").chmod(0o400)
        (self.release / "client-ca.pem").write_text(pem(self.authority.certificate))
        (self.release / "client-crl.pem").write_text(self.authority.crl([self.revoked]))
        self.resolve({"ns1.corp.example": self.backends.address, "ps2.corp.example": self.backends.address})
        if self.prefix:
            nobody = pwd.getpwnam(ACCOUNT)
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def resolve(self, names: dict[str, str]) -> None:
        """Let httpd resolve these names and their first labels only. Call it before the start: nss_wrapper caches."""
        lines = [f"{address} {name} {name.split('.')[0]}\n" for name, address in names.items()]
        (self.folder / "hosts").write_text("".join(lines))

    @property
    def port(self) -> int:
        return self.inputs.listen[0][1]

    @property
    def address(self) -> tuple[str, int]:
        """Where agents dial."""
        return self.inputs.listen[0][0].replace("*", "127.0.0.1"), self.port

    @property
    def conf(self) -> Path:
        return self.release / "httpd.conf"

    def render(self, **changes: Any) -> str:
        """Change inputs for good, and give the configuration."""
        self.inputs = replace(self.inputs, **changes)
        return render_httpd_conf(self.inputs)

    def command(self, *arguments: str, wrapper: Sequence[str] = ()) -> list[str]:
        return [*(wrapper or self.prefix), HTTPD, "-f", str(self.conf), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_PRELOAD": NSS_WRAPPER,
            "NSS_WRAPPER_HOSTS": str(self.folder / "hosts"),
        }

    def syntax(self, text: str) -> str:
        """What ``httpd -t`` says of ``text``."""
        self.conf.write_text(text)
        done = subprocess.run(self.command("-t"), env=self.environment, capture_output=True, text=True, check=False)
        return done.stderr.strip()

    def launch(self, text: str | None = None, *, wrapper: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start httpd without waiting for anything."""
        self.conf.write_text(self.render() if text is None else text)
        self.conf.chmod(0o644)
        with (self.folder / "logs" / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                self.command("-DFOREGROUND", wrapper=wrapper),
                env=self.environment,
                stdout=console,
                stderr=console,
            )
        return self.process

    def start(self, text: str | None = None, *, wrapper: Sequence[str] = ()) -> Self:
        """Start httpd with ``text`` (default: what the inputs render to) and wait until it heeds signals.

        The port is open a little earlier, and a reload signal in between would be lost.
        """
        before = self.generations()
        process = self.launch(text, wrapper=wrapper)
        assert eventually(lambda: self.generations() > before or process.poll() is not None), "httpd does not start"
        assert process.poll() is None, self.console() + self.log("error.log")
        return self

    def accepts(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(self.address) == 0

    def graceful(self, text: str | None = None) -> None:
        """Reload with ``text`` (default: unchanged) and wait until the new generation has started."""
        if text is not None:
            self.conf.write_text(text)
        before = self.generations()
        self.signal(signal.SIGUSR1)
        assert eventually(lambda: self.generations() > before), "httpd does not reload"

    def generations(self) -> int:
        """How many times httpd has started or reloaded."""
        return self.log("error.log").count("resuming normal operations")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def log(self, name: str) -> str:
        path = self.folder / "logs" / name
        return path.read_text() if path.exists() else ""

    def console(self) -> str:
        return self.log("console.log")

    def children(self) -> list[int]:
        """Pids of the parent's children."""
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def dial(self, credential: Issued | None, **options: Any) -> Outer:
        """An agent's outer TLS connection; see ``gateway_agent.dial``."""
        path = credential.write(self.folder) if credential else None
        return dial(self.address, path, **{"sni": FQDN, **options})

    def plain(self) -> Outer:
        """A connection without TLS."""
        return Outer(socket.create_connection(self.address, timeout=15))

    def stop(self) -> None:
        """End httpd; a child of an old generation that does not heed its parent is killed after two seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        children = self.children()
        self.process.terminate()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self.backends.close()
            shutil.rmtree(self.folder, ignore_errors=True)
