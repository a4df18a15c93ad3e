"""A stand-in's TLS listeners, seen by real handshakes: what is served follows the table while it serves."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from cemops.lab.windows.tls_listeners import ServedCertificate, TlsListeners
from tests.functional.gateway_pki import Issued, TestAuthority, key_pem, pem

pytestmark = pytest.mark.slow

ADDRESS = "127.0.0.1"
AUTHORITY = TestAuthority("Lab Site Server Root")


@pytest.fixture
def listeners() -> Iterator[TlsListeners]:
    one = TlsListeners("ns1", "ns1.corp.example", ADDRESS)
    yield one
    one.close()


@pytest.fixture
def port() -> int:
    with socket.create_server((ADDRESS, 0)) as free:
        return int(free.getsockname()[1])


def issued(name: str = "ns1.corp.example") -> Issued:
    return AUTHORITY.issue(name, server=True)


def served(one: Issued, host: str | None = None) -> ServedCertificate:
    return ServedCertificate(host, pem(one.certificate).encode(), key_pem(one.key).encode())


def thumbprint(one: Issued) -> str:
    return hashlib.sha256(one.certificate.public_bytes(Encoding.DER)).hexdigest()


def connect(port: int, host: str | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
    """A TLS connection as a client makes it that takes any certificate; ``host`` is its SNI."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.maximum_version = version
    return context.wrap_socket(socket.create_connection((ADDRESS, port), timeout=10), server_hostname=host)


def shown(port: int, host: str | None = None, version: ssl.TLSVersion | None = None) -> str:
    """The thumbprint that a handshake shows; empty: the handshake was refused."""
    try:
        with connect(port, host, version) as connection:
            return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
    except ssl.SSLError:
        return ""


def ask(connection: ssl.SSLSocket) -> dict[str, object]:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = connection.recv(4096).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    answer: dict[str, object] = json.loads(body or connection.recv(4096))
    return answer


def test_a_listener_shows_the_certificate_of_its_entry_and_says_who_it_is(listeners: TlsListeners, port: int) -> None:
    certificate = issued()
    assert listeners.reconcile({f"0.0.0.0:{port}": [served(certificate)]}) == ()
    assert shown(port, "ns1.corp.example") == thumbprint(certificate)
    assert shown(port) == thumbprint(certificate)
    with connect(port) as connection:
        assert ask(connection) == {"server": "ns1", "fqdn": "ns1.corp.example", "port": port}
        assert ask(connection)["server"] == "ns1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_host_name_gets_its_own_certificate_and_any_other_the_endpoints(
    listeners: TlsListeners, port: int, version: ssl.TLSVersion
) -> None:
    default, named = issued("ns1.corp.example"), issued("cem.corp.example")
    listeners.reconcile({f"0.0.0.0:{port}": [served(named, "CEM.corp.example"), served(default)]})
    assert shown(port, "cem.corp.example", version) == thumbprint(named)
    assert shown(port, "other.corp.example", version) == thumbprint(default)
    assert shown(port, None, version) == thumbprint(default)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_a_default_a_handshake_for_another_name_is_refused(
    listeners: TlsListeners, port: int, version: ssl.TLSVersion
) -> None:
    named = issued("cem.corp.example")
    listeners.reconcile({f"0.0.0.0:{port}": [served(named, "cem.corp.example")]})
    assert shown(port, "cem.corp.example", version) == thumbprint(named)
    assert shown(port, "other.corp.example", version) == ""
    assert shown(port, None, version) == ""


def test_an_entry_of_the_machines_own_address_comes_before_the_wildcard(listeners: TlsListeners, port: int) -> None:
    wildcard, own = issued(), issued()
    listeners.reconcile({f"0.0.0.0:{port}": [served(wildcard)], f"{ADDRESS}:{port}": [served(own)]})
    assert shown(port) == thumbprint(own)
    listeners.reconcile({f"0.0.0.0:{port}": [served(wildcard)]})
    assert shown(port) == thumbprint(wildcard)


def test_a_replaced_certificate_shows_in_new_handshakes_and_open_connections_stay(
    listeners: TlsListeners, port: int
) -> None:
    old, new = issued(), issued()
    listeners.reconcile({f"0.0.0.0:{port}": [served(old)]})
    with connect(port) as connection:
        ask(connection)
        listeners.reconcile({f"0.0.0.0:{port}": [served(new)]})
        assert shown(port) == thumbprint(new)
        assert ask(connection)["server"] == "ns1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_outlives_the_certificate_that_it_began_with(
    listeners: TlsListeners, port: int, version: ssl.TLSVersion
) -> None:
    old, new = issued(), issued()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, version

    def resumed(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        plain = socket.create_connection((ADDRESS, port), timeout=10)
        with context.wrap_socket(plain, server_hostname="x.example", session=session) as connection:
            ask(connection)
            return bool(connection.session_reused), connection.session

    listeners.reconcile({f"0.0.0.0:{port}": [served(old)]})
    _, session = resumed(None)
    again, session = resumed(session)
    assert again
    listeners.reconcile({f"0.0.0.0:{port}": [served(new)]})
    assert resumed(session)[0] is False


def test_an_entry_that_is_gone_aborts_its_connections_and_refuses_new_ones(listeners: TlsListeners, port: int) -> None:
    listeners.reconcile({f"0.0.0.0:{port}": [served(issued())]})
    with connect(port) as connection:
        ask(connection)
        listeners.reconcile({})
        with pytest.raises((OSError, AssertionError)):  # reset, or the end of the connection instead of an answer
            ask(connection)
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    certificate = issued()
    listeners.reconcile({f"0.0.0.0:{port}": [served(certificate)]})
    assert shown(port) == thumbprint(certificate)


def test_other_endpoints_are_not_touched_by_a_change(listeners: TlsListeners, port: int) -> None:
    with socket.create_server((ADDRESS, 0)) as free:
        other = int(free.getsockname()[1])
    stays, changes = served(issued()), served(issued())
    listeners.reconcile({f"0.0.0.0:{port}": [stays], f"0.0.0.0:{other}": [changes]})
    with connect(port) as connection:
        listeners.reconcile({f"0.0.0.0:{port}": [stays]})
        assert ask(connection)["port"] == port


def test_what_cannot_be_served_is_said_and_the_rest_is_served(listeners: TlsListeners, port: int) -> None:
    good, other = issued(), issued()
    mixed = ServedCertificate("mixed.example", served(good).certificate, served(other).key)
    with socket.create_server((ADDRESS, 0)) as busy:
        taken = int(busy.getsockname()[1])
        table = {
            f"0.0.0.0:{port}": [mixed, served(good)],
            f"0.0.0.0:{taken}": [served(good)],
            "192.0.2.1:443": [served(good)],
            "[::]:443": [served(good)],
        }
        problems = listeners.reconcile(table)
        assert len(problems) == 4
        assert listeners.reconcile(table) == problems
        for text in ("mixed.example", f"{ADDRESS}:{taken}", "192.0.2.1:443", "[::]:443"):
            assert any(problem.startswith(text) for problem in problems)
        assert shown(port) == thumbprint(good)
    assert len(listeners.reconcile(table)) == 3
    assert shown(taken) == thumbprint(good)


def test_keys_are_in_no_repr_and_no_descriptor_stays_open(listeners: TlsListeners, port: int) -> None:
    one = served(issued())
    assert "PRIVATE" not in repr(one)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        listeners.reconcile({f"0.0.0.0:{port}": [served(issued())]})
    listeners.reconcile({})
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_clients_that_are_rude_or_gone_harm_nobody(listeners: TlsListeners, port: int) -> None:
    certificate = issued()
    listeners.reconcile({f"0.0.0.0:{port}": [served(certificate)]})
    for said in (b"", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000):
        with socket.create_connection((ADDRESS, port), timeout=10) as plain:
            plain.sendall(said)
    with connect(port) as connection:
        connection.sendall(b"x" * 70_000)  # no request, and no end of one
    assert shown(port) == thumbprint(certificate)
