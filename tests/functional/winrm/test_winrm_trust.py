"""Whom the WinRM connector believes, how it logs on, and what it says of everybody else, before a password is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.winrm.winrm_bench import (
    ADDRESS,
    PASSWORD,
    USER,
    Endpoint,
    Pair,
    connect,
    endpoint,
    make_pair,
)

pytestmark = pytest.mark.slow

PASSPHRASE = "canary passphrase 'ö'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Pair:
    return make_pair(folder, "ca", authority=True)


@pytest.fixture(scope="module")
def issued(folder: Path, authority: Pair) -> Pair:
    return make_pair(folder, "issued", issuer=authority)


@pytest.fixture
def running(issued: Pair) -> Iterator[Endpoint]:
    with endpoint(issued) as one:
        yield one


def refused(running: Endpoint, data: dict[str, Any]) -> str:
    """The sentence of a connection that fails before anything is sent."""
    answer = connect(data)
    assert answer["error"] is not None
    assert f"{ADDRESS}:{running.server.port} " in answer["error"]
    assert answer["counts"]["connections"] == 0  # the handshake was not finished
    assert answer["counts"]["sent"] == 0
    assert running.counts.requests == 0
    error: str = answer["error"]
    return error


# --- pinned -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
@pytest.mark.parametrize("authentication", ["ntlm", "basic"])
def test_a_pinned_certificate_is_believed_whatever_its_name_its_ca_and_its_dates(
    folder: Path, tmp_path: Path, kind: str, authentication: str
) -> None:
    pair = make_pair(folder, "elsewhere.example", names=("elsewhere.example",), days=(-10, -1))
    with endpoint(pair) as running:
        data = running.data(tmp_path, cemops_thumbprint=getattr(pair, kind), cemops_authentication=authentication)
        assert connect(data)["error"] is None


@pytest.mark.parametrize("authentication", ["ntlm", "basic"])
@pytest.mark.parametrize("digits", [40, 64])
def test_another_certificate_than_the_pinned_one_gets_nothing(
    running: Endpoint, issued: Pair, tmp_path: Path, authentication: str, digits: int
) -> None:
    data = running.data(tmp_path, cemops_thumbprint="A" * digits, cemops_authentication=authentication)
    error = refused(running, data)
    assert "A" * digits in error
    assert (issued.sha1 if digits == 40 else issued.sha256) in error
    assert "change connection.server_certificate.thumbprint" in error


# --- by a CA ----------------------------------------------------------------------------------------------------


def by_authority(running: Endpoint, tmp_path: Path, authority: Pair, **changes: Any) -> dict[str, Any]:
    return running.data(tmp_path, cemops_thumbprint=None, cemops_ca_file=str(authority.certificate), **changes)


def test_a_certificate_of_the_declared_ca_is_believed_for_the_ip_address_in_it(
    running: Endpoint, tmp_path: Path, authority: Pair
) -> None:
    assert connect(by_authority(running, tmp_path, authority))["error"] is None


def test_the_name_in_the_certificate_must_be_the_dialled_one(folder: Path, tmp_path: Path, authority: Pair) -> None:
    pair = make_pair(folder, "named", issuer=authority, names=("localhost",))
    with endpoint(pair) as running:
        error = refused(running, by_authority(running, tmp_path, authority))
        assert "of a trusted CA that is not for 127.0.0.1" in error
        assert connect(by_authority(running, tmp_path, authority, cemops_address="localhost"))["error"] is None


def test_a_common_name_is_no_name(folder: Path, tmp_path: Path, authority: Pair) -> None:
    pair = make_pair(folder, "localhost", issuer=authority, names=("other.example",))
    with endpoint(pair) as running:
        answer = connect(by_authority(running, tmp_path, authority, cemops_address="localhost"))
    assert "is not for localhost" in answer["error"]
    assert running.counts.requests == 0


def test_a_certificate_of_another_ca_gets_nothing(running: Endpoint, folder: Path, tmp_path: Path) -> None:
    other = make_pair(folder, "other-ca", authority=True)
    error = refused(running, by_authority(running, tmp_path, other, cemops_authentication="basic"))
    assert f"that the CAs of {other.certificate} did not issue" in error


@pytest.mark.parametrize(("days", "reason"), [((-10, -1), "has expired"), ((1, 10), "is not valid yet")])
def test_a_certificate_out_of_its_time_gets_nothing(
    folder: Path, tmp_path: Path, authority: Pair, days: tuple[int, int], reason: str
) -> None:
    pair = make_pair(folder, "dated", issuer=authority, days=days)
    with endpoint(pair) as running:
        error = refused(running, by_authority(running, tmp_path, authority))
    assert f"presents a certificate that {reason}" in error


@pytest.mark.parametrize("name", ["missing.pem", "no.pem"])
def test_a_ca_file_that_cannot_be_used_is_named(running: Endpoint, tmp_path: Path, name: str) -> None:
    (tmp_path / "no.pem").write_text("not a certificate", "utf-8")
    file = tmp_path / name
    answer = connect(running.data(tmp_path, cemops_thumbprint=None, cemops_ca_file=str(file)))
    assert f"the CA file {file} " in answer["error"]
    assert running.counts.connections == 0


# --- by the trust store of the machine --------------------------------------------------------------------------


def test_without_any_declaration_the_machines_trust_store_decides(running: Endpoint, tmp_path: Path) -> None:
    error = refused(running, running.data(tmp_path, cemops_thumbprint=None, cemops_authentication="basic"))
    assert "that the trust store of this machine did not issue" in error
    assert "--show-identity" in error


def test_the_machines_trust_store_can_hold_the_ca(
    running: Endpoint, tmp_path: Path, authority: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert connect(running.data(tmp_path, cemops_thumbprint=None))["error"] is None


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_variables_of_other_programs_are_not_believed(
    running: Endpoint, tmp_path: Path, authority: Pair, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority.certificate))
    assert "did not issue" in refused(running, running.data(tmp_path, cemops_thumbprint=None))


def test_no_proxy_of_the_environment_gets_the_password(
    running: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert connect(running.data(tmp_path))["error"] is None


# --- the logon ---------------------------------------------------------------------------------------------------


def mapped(folder: Path, authority: Pair, passphrase: str | None = None) -> Pair:
    return make_pair(folder, "client", issuer=authority, passphrase=passphrase)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_a_client_certificate_logs_on(
    folder: Path, tmp_path: Path, authority: Pair, issued: Pair, passphrase: str | None
) -> None:
    client = mapped(folder, authority, passphrase)
    known = hashlib.sha256(client.der).hexdigest()
    with endpoint(issued, client_authority=authority.certificate, client_certificate=known) as running:
        answer = connect(certificate_data(running, tmp_path, client, passphrase), {"program": "echo", "size": 10})
    assert answer["error"] is None
    assert answer["results"][0]["echoed"]
    assert running.counts.logons >= 1


def certificate_data(running: Endpoint, tmp_path: Path, client: Pair, passphrase: str | None) -> dict[str, Any]:
    (tmp_path / "passphrase").write_text(passphrase or "-", "utf-8")
    (tmp_path / "passphrase").chmod(0o600)
    return running.data(
        tmp_path,
        cemops_authentication="certificate",
        cemops_password=None,
        cemops_client_certificate=str(client.certificate),
        cemops_private_key_file=str(client.key),
        cemops_private_key_passphrase="file:passphrase" if passphrase else None,
    )


@pytest.mark.parametrize("passphrase", [None, "canary wrong"])
def test_a_client_key_that_does_not_open_is_said_and_never_asked_for(
    folder: Path, tmp_path: Path, authority: Pair, running: Endpoint, passphrase: str | None
) -> None:
    client = mapped(folder, authority, PASSPHRASE)
    answer = connect(certificate_data(running, tmp_path, client, passphrase))
    assert "private_key_passphrase must fit the key" in answer["error"]
    assert "canary" not in answer["error"]
    assert running.counts.connections == 0


def test_a_client_certificate_that_is_mapped_to_nobody_is_told_from_a_wrong_password(
    folder: Path, tmp_path: Path, authority: Pair, issued: Pair
) -> None:
    client = mapped(folder, authority)
    with endpoint(issued, client_authority=authority.certificate) as running:
        answer = connect(certificate_data(running, tmp_path, client, None))
    assert running.counts.failed_logons == 1
    assert "takes no logon by this client certificate: check that it is mapped" in answer["error"]


def test_kerberos_without_its_programs_says_how_to_get_them(running: Endpoint, tmp_path: Path) -> None:
    answer = connect(
        running.data(tmp_path, cemops_authentication="kerberos"), settings=[("transport", "HAVE_KERBEROS", False)]
    )
    assert "run `pip install 'cemops[kerberos]'`" in answer["error"]
    assert running.counts.connections == 0


@pytest.mark.parametrize("authentication", ["ntlm", "basic"])
def test_without_a_password_nobody_is_asked(running: Endpoint, tmp_path: Path, authentication: str) -> None:
    answer = connect(running.data(tmp_path, cemops_authentication=authentication, cemops_password=None))
    assert f"{authentication} needs a password: add one to the credential" in answer["error"]
    assert running.counts.connections == 0


def test_basic_without_tls_sends_nothing(tmp_path: Path) -> None:
    with endpoint(None) as running:
        answer = connect(running.data(tmp_path, cemops_authentication="basic"))
    assert "without TLS" in answer["error"]
    assert running.counts.requests == 0


def test_the_secret_is_looked_up_when_it_is_needed_and_named_when_it_is_missing(
    running: Endpoint, tmp_path: Path
) -> None:
    answer = connect(running.data(tmp_path, cemops_password="env:NOT_SET_ANYWHERE"))
    assert "the secret env:NOT_SET_ANYWHERE is not set" in answer["error"]
    assert running.counts.connections == 0
    assert PASSWORD not in str(running.data(tmp_path))
    assert USER in str(running.data(tmp_path))
