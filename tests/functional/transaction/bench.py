"""A lab, an operator whose commands can be made to fail anywhere, and an agent on the Internet that looks on."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import SecretStr

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.lab.estate_lab import Lab
from cemops.model import topology
from cemops.pki.inspection import certificate_facts, certificates_from_bytes
from cemops.pki.keyed_certificate import KeyedCertificate
from cemops.pki.probe_certificates import probe_certificates
from cemops.probe.agent import Agent
from cemops.probe.streams import tcp_dial
from tests.functional.gateway_pki import TestAuthority, key_pem
from tests.functional.transaction.faults import Fault

COMMAND_SECONDS = 120
KILLED = -9
MOST_LISTED = 6
"""More names are resolved one by one on each observation."""
Document = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def everything(self) -> str:
        """Its end: plans hold whole files."""
        return f"exit {self.code}\n{self.out[-600:]}\n{self.err[-1500:]}"

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Operator:
    """Runs commands through ``operator_process``."""

    process: subprocess.Popen[str]
    folder: Path

    def run(
        self,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        fault: Fault | None,
        *,
        within: Path | None = None,
    ) -> Said:
        """Run one command, in this process's environment with more; ``within``: the folder, this one's own without."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        out, err = self.folder / "out", self.folder / "err"
        request = {
            "arguments": arguments,
            "environment": {**os.environ, **environment},
            "within": None if within is None else str(within),
            "fault": fault,
            "out": str(out),
            "err": str(err),
        }
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], COMMAND_SECONDS)
        assert ready, f"cemops {' '.join(arguments)} did not end in {COMMAND_SECONDS} s: {err.read_text('utf-8')}"
        return Said(int(self.process.stdout.readline()), out.read_text("utf-8"), err.read_text("utf-8"))


@contextmanager
def operator_running(folder: Path) -> Iterator[Operator]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.functional.transaction.operator_process"],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Operator(process, folder)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@dataclass
class Bench:
    """A lab with two gateways whose estate may be changed by each test."""

    lab: Lab
    operator: Operator
    original: str
    edited: bool = False
    """Whether more than names was changed in the estate."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of this operator's own."""
    killed: bool = False
    """Whether the last apply was killed: its lock is there still."""
    listed: int = 0
    """How many names were listed since the estate was the lab's."""
    names: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    # --- the operator's side ------------------------------------------------------------------------------------

    def cemops(self, *arguments: str, fault: Fault | None = None) -> Said:
        return self.operator.run(arguments, {"CEMOPS_ESTATE": str(self.lab.estate_file), **self.environment}, fault)

    def apply(self, *arguments: str, fault: Fault | None = None) -> Said:
        if self.killed:
            unlocked = self.cemops("unlock", "--yes")
            assert unlocked.code == 0, unlocked.everything
        said = self.cemops("apply", "--yes", "--no-color", *arguments, fault=fault)
        self.killed = said.code == KILLED
        return said

    def plan(self, *arguments: str) -> Said:
        return self.cemops("plan", "--detailed-exitcode", "--no-color", *arguments)

    def pyinfra(self, *arguments: str) -> Said:
        """The stock command, as an operator types it."""
        done = subprocess.run(
            [str(Path(sys.executable).parent / "pyinfra"), "inventory", "deploys/gateway.py", *arguments],
            cwd=Path(__file__).parents[3],
            env=self.lab.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def edit(self, change: Callable[[Document], None]) -> None:
        """Change the estate file."""
        self.edited = True
        self._edit(change)

    def _edit(self, change: Callable[[Document], None]) -> None:
        document = yaml.safe_load(self.lab.estate_file.read_text("utf-8"))
        change(document)
        self.lab.estate_file.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")

    def edit_gateway(self, gateway: str, **values: Any) -> None:
        """Set fields of one gateway."""

        def change(document: Document) -> None:
            for found in document["gateways"]:
                if found["name"] == gateway:
                    found.update(values)

        self.edit(change)

    def restore(self) -> None:
        """Go back to the estate as the lab wrote it (but for some names that were listed), applied."""
        if self.edited or self.listed > MOST_LISTED:
            self.lab.estate_file.write_text(self.original, "utf-8")
            self.edited, self.listed = False, 0
        done = self.apply()
        lines = re.search(r"--accept-lockout (\d+)", done.err)
        if done.code == 3 and lines is not None:  # names go that no gateway lists any more, or a certificate
            done = self.apply("--accept-lockout", lines[1])
        assert done.code == 0, done.everything

    def list_new_name(self, *gateways: str) -> str:
        """Put a name on the gateways' allow-lists that was never there; return its target."""
        name = f"alias{next(self.names)}"
        hosts = self.lab.folder / "hosts-file"
        lines = hosts.read_text("utf-8").splitlines()
        hosts.write_text("\n".join([f"{lines[0]} {name}", *lines[1:]]) + "\n", "utf-8")

        def change(document: Document) -> None:
            for gateway in document["gateways"]:
                if gateway["name"] in gateways:
                    gateway["servers"][0]["also_known_as"].append(name)  # to take one away would cut agents off

        self._edit(change)
        self.listed += 1
        return f"{name}:4726"

    # --- the gateway's side -------------------------------------------------------------------------------------

    def root(self, gateway: str) -> Path:
        return self.lab.folder / "hosts" / gateway / "root"

    def live(self, gateway: str) -> str:
        return (self.root(gateway) / "current").readlink().name

    def release(self, gateway: str) -> Path:
        return (self.root(gateway) / "current").resolve()

    def main_pid(self, gateway: str) -> int:
        return int((self.root(gateway) / "run" / "httpd.pid").read_text("ascii"))

    def pending(self, gateway: str) -> bool:
        state = self.root(gateway) / "state"
        return (state / "pending").exists() or any(state.glob("settling.*"))

    def rehearsals(self, gateway: str) -> list[int]:
        """Processes of rehearsals that run."""
        mark = f"{self.root(gateway)}/state/rehearsal/httpd.conf".encode()
        return [pid for pid, line in command_lines() if mark in line]

    # --- the agent's side ---------------------------------------------------------------------------------------

    def context(self) -> EstateContext:
        return EstateContext.of(read_estate(self.lab.estate_file))

    def agent(self, gateway: str) -> Agent:
        """An agent that trusts the thumbprint in use and has its certificate from ns1."""
        return self._agent_with(gateway, self._credential(gateway))

    def agent_of_another_ca_of_that_name(self, gateway: str) -> Agent:
        """An agent whose CA is called as ns1's is, and is another one."""
        name = self._credential(gateway).facts.issuer.removeprefix("CN=")
        issued = TestAuthority(name).issue("agent of another CA")
        key = SecretStr(key_pem(issued.key))
        return self._agent_with(gateway, KeyedCertificate(certificate_facts(issued.certificate), key))

    def _credential(self, gateway: str) -> KeyedCertificate:
        context = self.context()
        found = topology.gateway(context.estate, gateway)
        now = datetime.now(UTC)
        made = probe_certificates(context.estate, context.folder, found, "ns1", context.secrets, now).agent
        assert made is not None
        return made

    def _agent_with(self, gateway: str, credential: KeyedCertificate) -> Agent:
        found = topology.gateway(self.context().estate, gateway)
        dial = tcp_dial(topology.dial_address(found), found.listen.port, timeout=10)
        return Agent(dial, sni=found.fqdn, thumbprint=self.thumbprint(gateway), credential=credential)

    def thumbprint(self, gateway: str) -> str:
        """The thumbprint of the certificate that serves."""
        pem = self.named(gateway, "SSLCertificateFile").read_bytes()
        return certificates_from_bytes(pem, "live")[0].fingerprint(SHA256()).hex().upper()

    def named(self, gateway: str, directive: str) -> Path:
        """The file that the live configuration names: keys and certificates of other tests may lie beside it."""
        for line in (self.release(gateway) / "httpd.conf").read_text("utf-8").splitlines():
            words = line.split()
            if words[:1] == [directive]:
                return Path(words[1].strip('"'))
        raise AssertionError(f"the live configuration has no {directive}")

    def opens(self, gateway: str, target: str) -> bool:
        """Whether a new tunnel opens now."""
        return self.agent(gateway).connect(target).opened

    def serves(self, gateway: str) -> bool:
        return self.opens(gateway, "ns1.corp.lab.example:4726")


def command_lines() -> list[tuple[int, bytes]]:
    """Every process's command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((int(entry.name), (entry / "cmdline").read_bytes()))
            except OSError:
                continue
    return found


def wait_until(holds: Callable[[], bool], *, seconds: float = 30) -> bool:
    """Whether it holds before the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return holds()
