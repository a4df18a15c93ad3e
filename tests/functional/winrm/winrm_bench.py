"""A WinRM endpoint of the lab with certificates of every kind, and cemops' connector before it, in a process of its own."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from cemops.lab.windows.command_line import CommandHandler, CommandLine, CommandResult
from cemops.lab.windows.wsman_behaviour import Behaviour, Counts
from cemops.lab.windows.wsman_logons import Account, Accounts
from cemops.lab.windows.wsman_server import WsmanServer, tls_context
from cemops.lab.windows.wsman_service import WsmanService

ADDRESS = "127.0.0.1"
USER = "cemops"
PASSWORD = "canary:wörd 1!|$`€"


@dataclass(frozen=True)
class Pair:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path

    @property
    def der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(Encoding.DER)

    @property
    def sha1(self) -> str:
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest().upper()


def make_pair(
    folder: Path,
    name: str,
    *,
    issuer: Pair | None = None,
    names: tuple[str, ...] = (ADDRESS,),
    authority: bool = False,
    days: tuple[int, int] = (-1, 30),
    passphrase: str | None = None,
) -> Pair:
    """A certificate of ``issuer`` (else of itself) for DNS names and IP addresses, valid between two days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signing_key = subject, key
    if issuer is not None:
        signer = x509.load_pem_x509_certificate(issuer.certificate.read_bytes()).subject
        loaded = load_pem_private_key(issuer.key.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing_key = loaded
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=signer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(one) for one in names]), critical=False)
        .sign(signing_key, SHA256())
    )
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        encryption = BestAvailableEncryption(passphrase.encode())
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return pair


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class Endpoint:
    """A running endpoint, and what a connector needs to know of it."""

    server: WsmanServer
    pair: Pair | None
    lines: list[CommandLine]
    """The command lines that were run."""

    @property
    def counts(self) -> Counts:
        return self.server.service.counters.read()

    def behave(self, **how: Any) -> None:
        self.server.service.behaviour = Behaviour(**how)

    def data(self, folder: Path, **changes: Any) -> dict[str, Any]:
        """Host data with the pinned thumbprint and the right password."""
        secret = folder / "secret"
        secret.write_text(PASSWORD, "utf-8")
        secret.chmod(0o600)
        return {
            "cemops_address": ADDRESS,
            "cemops_port": self.server.port,
            "cemops_username": USER,
            "cemops_password": "file:secret",
            "cemops_authentication": "ntlm",
            "cemops_thumbprint": self.pair.sha256 if self.pair is not None else None,
            "cemops_plain_http": self.pair is None,
            "cemops_folder": str(folder),
            **changes,
        }


def echo(_line: CommandLine, stdin: bytes) -> CommandResult:
    """Say what came in."""
    return CommandResult(stdin)


@contextmanager
def endpoint(
    pair: Pair | None,
    handler: CommandHandler = echo,
    *,
    password: str = PASSWORD,
    client_authority: Path | None = None,
    client_certificate: str = "",
) -> Iterator[Endpoint]:
    """An endpoint on a port of its own; without a pair it speaks no TLS."""
    lines: list[CommandLine] = []

    def noted(line: CommandLine, stdin: bytes) -> CommandResult:
        lines.append(line)
        return handler(line, stdin)

    accounts = Accounts("NS1", (Account(USER, password, client_certificate),))
    context = tls_context(pair.certificate, pair.key, client_authority) if pair is not None else None
    server = WsmanServer((ADDRESS, 0), WsmanService("NS1", noted), accounts, context)
    server.start()
    try:
        yield Endpoint(server, pair, lines)
    finally:
        server.stop()


class Worker:
    """The process in which connectors connect; it answers one request after the other."""

    def __init__(self, folder: Path) -> None:
        self._errors = folder / "stderr"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.functional.winrm.winrm_process"],
                cwd=Path(__file__).parents[3],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The answer to a request, and what was written to stderr meanwhile."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        begin = self._errors.stat().st_size
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        limit = threading.Timer(120, self._process.kill)  # then readline ends, without an answer
        limit.start()
        line = self._process.stdout.readline()
        limit.cancel()
        said = self._errors.read_bytes()[begin:].decode("utf-8", "replace")
        assert line, said
        return json.loads(line), said

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait(20)


WORKERS: list[Worker] = []
"""The worker of the session, if there is one (conftest.py)."""


def process(data: dict[str, Any], *steps: dict[str, Any], **request: Any) -> tuple[dict[str, Any], str]:
    """Connect, run the steps, disconnect; return the answer and what was written to stderr."""
    return WORKERS[0].ask({"data": data, "steps": steps, "environ": dict(os.environ), **request})


def connect(data: dict[str, Any], *steps: dict[str, Any], **request: Any) -> dict[str, Any]:
    """The answer alone; nothing but it may be said, and no secret."""
    answer, stderr = process(data, *steps, **request)
    assert "Traceback" not in stderr, stderr
    assert "Warning" not in stderr, stderr
    assert PASSWORD not in json.dumps(answer, ensure_ascii=False) + stderr
    return answer
