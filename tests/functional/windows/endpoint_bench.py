"""A WinRM endpoint of the lab in this process, and two independent clients of it: pywinrm and pypsrp."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pypsrp.shell import CommandState, Process, SignalCode, WinRS
from pypsrp.wsman import WSMan
from winrm.protocol import Protocol

from cemops.lab.windows.command_line import CommandHandler, CommandLine, CommandResult
from cemops.lab.windows.wsman_behaviour import Behaviour, Counts
from cemops.lab.windows.wsman_logons import Account, Accounts
from cemops.lab.windows.wsman_server import WsmanServer, tls_context
from cemops.lab.windows.wsman_service import WsmanService

MACHINE = "NS1"
USER = "cemops"
PASSWORD = "pass:wörd 1!"  # a colon, a space, and what is no ASCII; requests sends Basic as Latin-1
ADDRESS = "127.0.0.1"


def self_signed(folder: Path, name: str = "ns1.corp.example") -> tuple[Path, Path]:
    """Files of a certificate for ``name`` and ADDRESS, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(ADDRESS))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint."""

    server: WsmanServer
    certificate: Path | None
    """The file of its certificate, which is its own CA; None without TLS."""

    @property
    def url(self) -> str:
        return f"http{'s' if self.certificate else ''}://{ADDRESS}:{self.server.port}/wsman"

    @property
    def counts(self) -> Counts:
        return self.server.service.counters.read()

    def behave(self, **how: Any) -> None:
        self.server.service.behaviour = Behaviour(**how)


def echo(_line: CommandLine, stdin: bytes) -> CommandResult:
    """Say what came in."""
    return CommandResult(stdin, b"", 0)


@contextmanager
def endpoint(
    folder: Path,
    handler: CommandHandler = echo,
    *,
    tls: bool = True,
    accounts: tuple[Account, ...] = (Account(USER, PASSWORD),),
    client_authority: Path | None = None,
    **options: Any,
) -> Iterator[Endpoint]:
    """An endpoint until the end of the block; ``options`` are WsmanService's."""
    certificate, key = self_signed(folder) if tls else (None, None)
    context = None
    if certificate is not None and key is not None:
        context = tls_context(certificate, key, client_authority)
    service = WsmanService(MACHINE, handler, **options)
    server = WsmanServer((ADDRESS, 0), service, Accounts(MACHINE, accounts), context)
    server.start()
    try:
        yield Endpoint(server, certificate)
    finally:
        server.stop()


@dataclass
class Client:
    """What both clients can do, with one shell: run a command line with stdin, give back what came."""

    endpoint: Endpoint
    logon: str
    user: str = USER
    password: str = field(default=PASSWORD, repr=False)
    timeout_seconds: int = 10
    certificate: tuple[Path, Path] | None = None
    """Files of the client's certificate and key, for the logon ``certificate``."""

    def run(self, line: str, stdin: bytes, *, chunk: int = 300_000) -> tuple[bytes, bytes, int | None]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def chunks_of(stdin: bytes, size: int) -> list[tuple[bytes, bool]]:
    parts = [stdin[begin : begin + size] for begin in range(0, len(stdin), size)] or [b""]
    return [(part, number == len(parts) - 1) for number, part in enumerate(parts)]


class PywinrmClient(Client):
    _shell: str | None = None
    _protocol: Protocol | None = None

    @property
    def protocol(self) -> Protocol:
        if self._protocol is None:
            self._protocol = Protocol(
                endpoint=self.endpoint.url,
                transport=self.logon,  # type: ignore[arg-type]  # a literal there
                username=self.user,
                password=self.password,
                ca_trust_path=str(self.endpoint.certificate),
                server_cert_validation="validate",
                operation_timeout_sec=self.timeout_seconds,
                read_timeout_sec=self.timeout_seconds + 20,
                proxy=None,
                cert_pem=None if self.certificate is None else str(self.certificate[0]),
                cert_key_pem=None if self.certificate is None else str(self.certificate[1]),
            )
        return self._protocol

    @property
    def shell(self) -> str:
        if self._shell is None:
            self._shell = self.protocol.open_shell(codepage=65001, idle_timeout="PT120S")
        return self._shell

    def run(self, line: str, stdin: bytes, *, chunk: int = 300_000) -> tuple[bytes, bytes, int | None]:
        command = self.protocol.run_command(self.shell, line, console_mode_stdin=False, skip_cmd_shell=True)
        for part, last in chunks_of(stdin, chunk):
            self.protocol.send_command_input(self.shell, command, part, end=last)
        result = self.protocol.get_command_output(self.shell, command)
        self.protocol.cleanup_command(self.shell, command)
        return result

    def close(self) -> None:
        if self._shell is not None:
            self.protocol.close_shell(self._shell)
            self._shell = None
        self.protocol.transport.close_session()


class PypsrpClient(Client):
    never_seal = False
    """Send plain text where pypsrp would otherwise refuse to send anything."""
    _wsman: WSMan | None = None
    _shell: WinRS | None = None

    @property
    def shell(self) -> WinRS:
        if self._shell is None:
            self._wsman = WSMan(
                ADDRESS,
                port=self.endpoint.server.port,
                username=self.user,
                password=self.password,
                ssl=self.endpoint.certificate is not None,
                auth=self.logon,
                cert_validation=str(self.endpoint.certificate),  # type: ignore[arg-type]  # a path works as well
                no_proxy=True,
                encryption="never" if self.never_seal else "auto",
                certificate_pem=None if self.certificate is None else str(self.certificate[0]),
                certificate_key_pem=None if self.certificate is None else str(self.certificate[1]),
                operation_timeout=self.timeout_seconds,
                read_timeout=self.timeout_seconds + 20,
            )
            self._shell = WinRS(self._wsman)
            self._shell.open()
        return self._shell

    def run(self, line: str, stdin: bytes, *, chunk: int = 300_000) -> tuple[bytes, bytes, int | None]:
        process = Process(self.shell, line, no_shell=True)
        process.begin_invoke()
        for part, last in chunks_of(stdin, chunk):
            process.send(part, end=last)
        while process.state != CommandState.DONE:
            process.poll_invoke()
        process.signal(SignalCode.TERMINATE)
        return process.stdout, process.stderr, process.rc

    def close(self) -> None:
        if self._shell is not None:
            self._shell.close()
            self._shell = None
        if self._wsman is not None:
            self._wsman.close()


CLIENTS = {"pywinrm": PywinrmClient, "pypsrp": PypsrpClient}
