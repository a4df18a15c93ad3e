"""The WinRM connector before what is no WinRM endpoint, or a dying one: one sentence each, one host's failure each."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.functional.probe_bench import free_port
from tests.functional.winrm.scripted_server import (
    Say,
    Scripted,
    always,
    answer,
    cuts,
    drips,
    fault,
    scripted,
    silent,
)
from tests.functional.winrm.winrm_bench import ADDRESS, PASSWORD, USER, Pair, connect, make_pair, process

pytestmark = pytest.mark.slow

QUICK = [
    ("shell", "OPERATION_SECONDS", 1),
    ("shell", "_GRACE_SECONDS", 2),
    ("endpoint", "OPERATION_SECONDS", 1),
    ("endpoint", "ANSWER_SECONDS", 1),
    ("endpoint", "CONNECT_SECONDS", 1),
]
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><x>&j;</x>"
).encode()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("pair"), "scripted")


def data_of(port: int, folder: Path, pair: Pair | None, **changes: Any) -> dict[str, Any]:
    secret = folder / "secret"
    secret.write_text(PASSWORD, "utf-8")
    secret.chmod(0o600)
    return {
        "cemops_address": ADDRESS,
        "cemops_port": port,
        "cemops_username": USER,
        "cemops_password": "file:secret",
        "cemops_authentication": "basic",
        "cemops_thumbprint": pair.sha256 if pair is not None else None,
        "cemops_folder": str(folder),
        **changes,
    }


def sentence(say: Say, folder: Path, pair: Pair, **changes: Any) -> tuple[str, Scripted]:
    """What the connector says of a server, and what came to that."""
    with scripted(say, pair) as server:
        found = connect(data_of(server.port, folder, pair, **changes), settings=QUICK)
    assert found["error"] is not None
    assert found["error"].startswith(f"{ADDRESS}:{server.port} ")
    return found["error"], server


# --- no WinRM endpoint ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (answer("404 Not Found", b"<html>no</html>"), "answers HTTP 404, which is no WinRM endpoint's answer"),
        (answer("403 Forbidden"), "answers HTTP 403"),
        (answer("503 Service Unavailable", b"\xff\xfe"), "answers HTTP 503"),
        (answer("302 Found", b"", "Location: https://127.0.0.1:9/wsman"), "answers HTTP 302"),
        (answer("200 OK", b"<html><p>Welcome</html>"), "answers, but not as WinRM does"),
        (answer("200 OK", b"<html/>"), "answers, but not as WinRM does"),
        (answer("200 OK"), "answers, but not as WinRM does"),
        (answer("200 OK", b"\x1f\x8b\x08zip", "Content-Encoding: gzip"), "answers, but not as WinRM does"),
        (answer("200 OK", BOMB), "answers, but not as WinRM does"),
        (answer("500 Internal Server Error", b"oops"), "answers HTTP 500"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "has cut the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<a>", "has stopped answering"),
    ],
)
def test_what_is_no_winrm_endpoint_is_said_to_be_none(content: bytes, said: str, tmp_path: Path, pair: Pair) -> None:
    error, server = sentence(always(content), tmp_path, pair)
    assert said in error
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed(tmp_path: Path, pair: Pair) -> None:
    with scripted(always(answer("200 OK")), pair) as elsewhere:
        to = f"Location: https://{ADDRESS}:{elsewhere.port}/wsman"
        sentence(always(answer("307 Temporary Redirect", b"", to)), tmp_path, pair)
    assert elsewhere.requests == []


def test_a_port_without_tls_is_told(tmp_path: Path, pair: Pair) -> None:
    with scripted(cuts, None, greeting=answer("400 Bad Request")) as server:
        found = connect(data_of(server.port, tmp_path, pair), settings=QUICK)
    assert "does not agree on TLS" in found["error"]
    assert "check that WinRM listens there with HTTPS" in found["error"]
    assert server.requests == []


def test_a_dead_port_is_refused(tmp_path: Path, pair: Pair) -> None:
    found = connect(data_of(free_port(), tmp_path, pair))
    assert "refuses the connection: check the port" in found["error"]


def test_a_name_that_does_not_resolve_is_told(tmp_path: Path, pair: Pair) -> None:
    found = connect(data_of(5986, tmp_path, pair, cemops_address="nowhere.invalid"))
    assert "nowhere.invalid:5986 cannot be reached: its name does not resolve" in found["error"]


def test_a_host_that_accepts_and_never_speaks_is_given_up(tmp_path: Path, pair: Pair) -> None:
    with socket.create_server((ADDRESS, 0)) as listener:
        found = connect(data_of(listener.getsockname()[1], tmp_path, pair), settings=QUICK)
    assert "nothing answers there" in found["error"] or "has stopped answering" in found["error"]


def test_a_host_that_never_answers_a_request_is_given_up(tmp_path: Path, pair: Pair) -> None:
    error, server = sentence(silent, tmp_path, pair)
    assert "has stopped answering: check the host" in error
    assert len(server.requests) == 1


def test_a_host_that_answers_byte_by_byte_is_given_up(tmp_path: Path, pair: Pair) -> None:
    error, server = sentence(drips(answer("200 OK", b"x" * 1000), 0.05), tmp_path, pair)
    assert "has stopped answering: check the host" in error
    assert len(server.requests) == 1


def test_a_host_that_cuts_the_connection_is_not_asked_again(tmp_path: Path, pair: Pair) -> None:
    error, server = sentence(cuts, tmp_path, pair)
    assert "has cut the connection" in error
    assert (len(server.requests), server.connections) == (1, 1)


# --- the logon --------------------------------------------------------------------------------------------------


def unauthorized(*offers: str) -> bytes:
    return answer("401 Unauthorized", b"", *(f"WWW-Authenticate: {offer}" for offer in offers))


@pytest.mark.parametrize(
    ("authentication", "offers", "said"),
    [
        ("ntlm", ("Kerberos", 'Basic realm="WSMAN"'), "does not take ntlm; it offers basic, kerberos"),
        ("basic", ("Negotiate", "Kerberos"), "does not take basic; it offers kerberos, negotiate"),
        ("basic", ('Basic realm="WSMAN"',), "refuses the logon of cemops by basic"),
        ("basic", (), "refuses the logon of cemops by basic"),
    ],
)
def test_what_is_not_offered_is_told_from_what_is_refused(
    authentication: str, offers: tuple[str, ...], said: str, tmp_path: Path, pair: Pair
) -> None:
    error, server = sentence(always(unauthorized(*offers)), tmp_path, pair, cemops_authentication=authentication)
    assert said in error
    assert len(server.requests) == 1


@pytest.mark.parametrize("challenge", ["Negotiate", "Negotiate !!!!", "Negotiate TlRMTVNTUAAC", "Negotiate AAAA"])
def test_a_broken_challenge_of_ntlm_is_one_hosts_failure(challenge: str, tmp_path: Path, pair: Pair) -> None:
    def say(connection: socket.socket, number: int) -> None:
        connection.sendall(unauthorized("Negotiate" if number == 0 else challenge))

    error, server = sentence(say, tmp_path, pair, cemops_authentication="ntlm")
    assert "WinRM" in error or "logon" in error
    assert len(server.requests) <= 3


def test_an_account_without_the_right_is_told_from_a_wrong_password(tmp_path: Path, pair: Pair) -> None:
    error, _ = sentence(always(fault(5, "Access is denied.")), tmp_path, pair)
    assert "takes the logon, and allows no remote commands (Access is denied.)" in error
    assert "Administrators" in error


def test_a_fault_is_told_in_the_hosts_words_and_not_at_any_length(tmp_path: Path, pair: Pair) -> None:
    error, _ = sentence(always(fault(2150858843, "no\n such   shell " + "x" * 1000)), tmp_path, pair)
    assert "refuses the operation (WinRM fault 2150858843): no such shell xxx" in error
    assert len(error) < 500


def test_an_operation_that_takes_too_long_is_told(tmp_path: Path, pair: Pair) -> None:
    error, server = sentence(always(fault(2150858793, "late")), tmp_path, pair)
    assert "needs too long for an operation" in error
    assert len(server.requests) == 1


def test_the_password_is_in_no_request_of_ntlm_and_the_user_meets_no_traceback(tmp_path: Path, pair: Pair) -> None:
    with scripted(always(unauthorized("Negotiate")), pair) as server:
        found, stderr = process(data_of(server.port, tmp_path, pair, cemops_authentication="ntlm"), settings=QUICK)
    assert found["error"]
    assert not any(PASSWORD.encode() in request for request in server.requests)
    assert stderr == ""
