"""What the probe's functional tests stand on: certificates, servers behind the gateway, and a real httpd."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cemops.pki.keyed_certificate import KeyedCertificate, keyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
FQDN = "gw1.example.net"
HTTPD = "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"
NSS_WRAPPER = "libnss_wrapper.so"
HOSTS = {"ns1.corp.example": "127.0.0.81", "ps1.corp.example": "127.0.0.82", "ps2.corp.example": "127.0.0.83"}


@dataclass(frozen=True)
class Ca:
    """A CA of the tests, with its key."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self, name: str, *, not_after: dt.datetime | None = None, names: tuple[str, ...] = ()
    ) -> KeyedCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _certificate(name, key.public_key(), self.certificate.subject, not_after or NOW + 30 * DAY)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
            )
        return keyed(builder.sign(self.key, hashes.SHA256()), key)

    def crl(self, *revoked: KeyedCertificate, next_update: dt.datetime | None = None) -> str:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW - 3 * DAY)
            .next_update(next_update or NOW + 30 * DAY)
        )
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(one.facts.serial).revocation_date(NOW - DAY)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def new_ca(name: str) -> Ca:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _certificate(name, key.public_key(), subject, NOW + 300 * DAY).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    return Ca(name, key, builder.sign(key, hashes.SHA256()))


def self_signed(name: str) -> KeyedCertificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _certificate(name, key.public_key(), subject, NOW + 300 * DAY).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
    )
    return keyed(builder.sign(key, hashes.SHA256()), key)


def _certificate(
    name: str, public_key: ec.EllipticCurvePublicKey, issuer: x509.Name, not_after: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 9 * DAY)
        .not_valid_after(not_after)
    )


def write_pair(folder: Path, name: str, pair: KeyedCertificate) -> tuple[Path, Path]:
    """Certificate and clear key, for a test's server."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_text(pair.certificate_pem)
    key.touch(mode=0o600)
    key.write_text(pair.key_pem.get_secret_value())
    return certificate, key


class Estate:
    """The certificates of one estate: ns1's root with its agents, the servers' root, the gateway's own."""

    def __init__(self) -> None:
        self.root = new_ca("NS1 Root")
        self.stranger = new_ca("Unknown CA")
        self.server_root = new_ca("Site Server Root")
        self.agent = self.root.issue("agent-good")
        self.revoked = self.root.issue("agent-revoked")
        self.expired = self.root.issue("agent-expired", not_after=NOW - DAY)
        self.unknown = self.stranger.issue("agent-unknown")
        self.gateway = self_signed(FQDN)
        self.crl = self.root.crl(self.revoked)

    @property
    def thumbprint(self) -> str:
        return self.gateway.facts.sha1


@contextmanager
def listening(address: str, port: int, serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection to ``address:port`` (0: a free one) in a thread of its own; yields the port."""
    listener = socket.create_server((address, port))
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            held.append(connection)
            threading.Thread(target=_quietly, args=(serve, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in held:
            connection.close()
        thread.join(5)


def _quietly(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with suppress(OSError), connection:
        serve(connection)


def tls_echo(folder: Path, name: str, pair: KeyedCertificate) -> Callable[[socket.socket], None]:
    """A TLS server that answers every piece with itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_pair(folder, name, pair))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            while data := tls.recv(4096):
                tls.sendall(data)

    return serve


def prefix_ports() -> tuple[int, int]:
    """A free port P, and a free one whose digits begin with P's, on every address of HOSTS."""
    for attempt in range(2000, 6500):
        short = 2000 + (attempt * 7919 + os.getpid()) % 4500
        if all(_is_free(address, port) for address in HOSTS.values() for port in (short, short * 10)):
            return short, short * 10
    raise AssertionError("no free pair of ports")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError:
            return False
    return True


def free_port(address: str = "127.0.0.1") -> int:
    assert ip_address(address)
    with socket.socket() as trial:
        trial.bind((address, 0))
        return int(trial.getsockname()[1])


@contextmanager
def httpd_running(folder: Path, configuration: str, port: int) -> Iterator[None]:
    """A real httpd in the foreground, until it listens; ended by its pid."""
    file = folder / "httpd.conf"
    file.write_text(configuration)
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    environment = os.environ | {"LD_PRELOAD": NSS_WRAPPER, "NSS_WRAPPER_HOSTS": str(hosts)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [HTTPD, "-f", str(file), "-DFOREGROUND"], env=environment, stdout=output, stderr=output
        )
        try:
            _wait_for(process, port, folder)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, (folder / "output").read_text() + _error_log(folder)
        time.sleep(0.05)
    raise AssertionError("httpd does not listen: " + _error_log(folder))


def _error_log(folder: Path) -> str:
    log = folder / "logs" / "error.log"
    return log.read_text() if log.exists() else ""


def short_folder() -> Path:
    """A folder with a short path that the service account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="cp-", dir="/tmp"))
    folder.chmod(0o755)
    return folder
