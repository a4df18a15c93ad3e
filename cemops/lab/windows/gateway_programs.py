"""The httpd of a stand-in that is a Windows gateway: a real one, started with what lies on the stand-in's drive.

A configuration for Windows names ``C:/…`` and modules beside its own httpd, and leaves out what only other systems
need. Here it is read from the drive, its paths are replaced by where they lie, and what Linux needs is added; not one
directive of it is changed. What that shows and what not: tunnels, TLS, the allow-list and refusals are httpd's own; the
one child with all its threads is another MPM's.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cemops.errors import CemopsError
from cemops.lab.folder import write_file
from cemops.lab.processes import ProcessIdentity, identify, is_alive
from cemops.lab.windows.drive import Drive
from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.native_programs import Ran

HTTPD_FILE = "httpd.json"
START_SECONDS = 20.0
STOP_SECONDS = 10.0
STEADY_SECONDS = 1.0
POLL_SECONDS = 0.02
CHILDREN = ("nobody", "nogroup")
"""Whom root's httpd runs its children as; Windows has the service's account for all of it."""
_LEAST_SPARE = 75
_WINDOWS_PATH = re.compile(r'"([A-Za-z]:/[^"]*)"')
_MODULE = re.compile(r'"modules/(mod_\w+\.so)"')
_LISTEN = re.compile(r"^Listen (?:(\S+):)?(\d+)", re.MULTILINE)
_THREADS = re.compile(r"^ThreadsPerChild (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class HttpdSettings:
    """What ``httpd.json`` in the machine's folder holds: where the real httpd is, and which service it stands behind.

    ``nss_wrapper``: the library by which it resolves names as the machine does; empty: as this machine does.
    """

    httpd: str
    modules: str
    service: str
    configuration: str
    """The service's httpd.conf, as Windows names it."""
    nss_wrapper: str = ""

    def write(self, folder: Path) -> None:
        """Write it into a machine's folder."""
        write_file(folder / HTTPD_FILE, json.dumps(asdict(self), indent=1) + "\n", 0o644)


def gateway_programs(machine: Machine) -> GatewayPrograms | None:
    """Return the programs of a machine that has a ``httpd.json``; None without. Raises CemopsError if it is damaged."""
    file = machine.folder / HTTPD_FILE
    try:
        settings = HttpdSettings(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CemopsError(f"{file} does not describe an httpd: `cemops lab up` makes one") from error
    return GatewayPrograms(settings, machine)


class GatewayPrograms:
    """One gateway's programs. Files of its own lie in ``httpd`` in the machine's folder."""

    def __init__(self, settings: HttpdSettings, machine: Machine) -> None:
        self._settings = settings
        self._drive: Drive = machine.drive
        self._names = machine.known_names
        self._folder = machine.folder / "httpd"
        self._process: subprocess.Popen[bytes] | None = None

    def start_service(self, service: str) -> int | None:
        """Start httpd with the service's configuration, and wait until it listens."""
        if service.casefold() != self._settings.service.casefold():
            return None
        self._end_known()
        configuration = self._translated(self._settings.configuration, "live")
        process = self._spawn(configuration)
        write_file(self._folder / "service.pid", str(process.pid), 0o644)
        self._process = process
        if not (self._listens(process, self._settings.configuration, START_SECONDS) and _stays(process)):
            said = self._output("live")
            self._end_known()
            raise LeafError(f"service {service} did not start: {said}", hresult=0x8007042B)
        return process.pid

    def stop_service(self, service: str) -> None:
        """End httpd with all its children and tunnels."""
        if service.casefold() == self._settings.service.casefold():
            self._end_known()

    def serves(self, service: str) -> bool | None:
        """Tell whether the service's httpd lives."""
        if service.casefold() != self._settings.service.casefold():
            return None
        return self._process is not None and self._process.poll() is None

    def test_httpd(self, program: str, configuration: str) -> Ran:
        """Run ``httpd -t``."""
        self._check_program(program)
        if self._drive.read(configuration) is None:
            return Ran(1, f"httpd: Could not open configuration file {configuration}: The system cannot find the file")
        translated = self._translated(configuration, "test")
        done = subprocess.run(
            [self._settings.httpd, "-t", "-f", str(translated)],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, self._as_on_windows(f"{done.stdout}\n{done.stderr}".strip()))

    def rehearse_httpd(self, program: str, configuration: str, port: int, seconds: int) -> Ran:
        """Start a second httpd, wait until its port answers, end it."""
        self._check_program(program)
        if _answers("127.0.0.1", port):
            return Ran(1, f"port {port} is in use")
        process = self._spawn(self._translated(configuration, "rehearsal"))
        end = time.monotonic() + seconds
        answered = False
        while not answered and process.poll() is None and time.monotonic() < end:
            # The port is open before httpd looks at keys and certificates, over which it may end.
            answered = _answers("127.0.0.1", port) and _stays(process) and _answers("127.0.0.1", port)
            time.sleep(POLL_SECONDS)
        _end(process)
        return Ran(0 if answered else 1, self._output("rehearsal"))

    def _check_program(self, program: str) -> None:
        if self._drive.read(program) is None:
            raise LeafError("The system cannot find the file specified", hresult=0x80004005)

    def _spawn(self, configuration: Path) -> subprocess.Popen[bytes]:
        with configuration.with_suffix(".out").open("wb") as output:
            return subprocess.Popen(
                [self._settings.httpd, "-f", str(configuration), "-DFOREGROUND"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=self._environment(),
                start_new_session=True,
                umask=0o022,
            )

    def _listens(self, process: subprocess.Popen[bytes], configuration: str, seconds: float) -> bool:
        text = (self._drive.read(configuration) or b"").decode()
        places = [(found[1] or "127.0.0.1", int(found[2])) for found in _LISTEN.finditer(text)]
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end:
            if all(_answers(address, port) for address, port in places):
                return process.poll() is None
            time.sleep(POLL_SECONDS)
        return False

    def _translated(self, configuration: str, name: str) -> Path:
        """Write the configuration as it has to read here; return where."""
        self._folder.mkdir(mode=0o755, exist_ok=True)
        text = (self._drive.read(configuration) or b"").decode()
        text = _WINDOWS_PATH.sub(lambda found: f'"{self._drive.place(found[1])}"', text)
        text = _MODULE.sub(lambda found: f'"{self._settings.modules}/{found[1]}"', text)
        file = self._folder / f"{name}.conf"
        write_file(file, f"{self._needed_here(text)}{text}", 0o644)
        return file

    def _loaded(self, module: str) -> str:
        """Load a module where it is not built in."""
        load = f'LoadModule {module}_module "{self._settings.modules}/mod_{module}.so"'
        return f"<IfModule !{module}_module>\n{load}\n</IfModule>"

    def _needed_here(self, text: str) -> str:
        found = _THREADS.search(text)
        threads = int(found[1]) if found else _LEAST_SPARE
        lines = [
            *(self._loaded(module) for module in ("mpm_event", "unixd")),
            f'DefaultRuntimeDir "{self._folder}"',
            f'Mutex "file:{self._folder}" default',
            "ServerLimit 1",
            "StartServers 1",
            f"ThreadLimit {threads}",
            f"ThreadsPerChild {threads}",
            f"MaxRequestWorkers {threads}",
            f"MinSpareThreads {threads}",
            f"MaxSpareThreads {threads + _LEAST_SPARE}",
        ]
        if os.geteuid() == 0:
            lines += [f"User {CHILDREN[0]}", f"Group {CHILDREN[1]}"]
        return "".join(f"{line}\n" for line in lines)

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if self._settings.nss_wrapper:
            hosts = "".join(f"{address} {name}\n" for name, all_ in self._names().items() for address in all_)
            write_file(self._folder / "hosts", hosts, 0o644)
            environment |= {"LD_PRELOAD": self._settings.nss_wrapper, "NSS_WRAPPER_HOSTS": str(self._folder / "hosts")}
        return environment

    def _output(self, name: str) -> str:
        """Return what httpd said, its error log included: that is where it says why it does not start."""
        said = (self._folder / f"{name}.out").read_text("utf-8", "replace")
        found = re.search(r'^ErrorLog "([^"]+)"', (self._folder / f"{name}.conf").read_text("utf-8"), re.MULTILINE)
        log = Path(found[1]) if found else None
        lines = log.read_text("utf-8", "replace").splitlines()[-5:] if log is not None and log.is_file() else []
        return self._as_on_windows("\n".join([said.strip(), *lines]).strip())

    def _as_on_windows(self, text: str) -> str:
        return text.replace(f"{self._drive.folder}/C", "C:")

    def _end_known(self) -> None:
        """End the service's httpd, also one that an earlier process of this machine left behind."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        file = self._folder / "service.pid"
        if not file.is_file():
            return
        left = identify(int(file.read_text("ascii")))
        if left is not None and _is_ours(left, self._folder):
            _end_left(left)
        file.unlink()


def _is_ours(identity: ProcessIdentity, folder: Path) -> bool:
    """Tell whether a process is an httpd of this machine: a pid alone is no identity."""
    try:
        words = Path(f"/proc/{identity.pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(folder / "live.conf").encode() in words


def _end_left(identity: ProcessIdentity) -> None:
    os.kill(identity.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while is_alive(identity):
        if time.monotonic() > end:
            os.kill(identity.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _stays(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(STEADY_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address.strip("[]"), port), timeout=1).close()
    except OSError:
        return False
    return True
