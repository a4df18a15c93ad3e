"""What the lab's WinRM endpoint answers to clients that are wrong, rude or gone."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cemops.lab.windows.command_line import CommandLine, CommandResult
from cemops.lab.windows.wsman_logons import Account
from cemops.lab.windows.wsman_names import CMD_SHELL, IDENTITY, SHELL, SOAP
from tests.functional.windows.endpoint_bench import ADDRESS, PASSWORD, Endpoint, PypsrpClient, endpoint
from tests.functional.windows.raw_wsman import RawClient, code_of, message, receive_body, send_body, signal_body

pytestmark = pytest.mark.slow

UNKNOWN = "11111111-2222-3333-4444-555555555555"
NO_SHELL, NO_COMMAND, BAD_ACTION, NO_RESOURCE, BAD_MESSAGE = 2150858843, 2147942487, 2150858753, 2150858752, 2150858817
TOO_LARGE, TOO_MANY, TIMED_OUT, PIPE_ENDED, ABORTED = 2150858790, 2150859173, 2150858793, 2147942509, 995


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Endpoint]:
    with endpoint(tmp_path) as one:
        yield one


@pytest.fixture
def raw(running: Endpoint) -> Iterator[RawClient]:
    with RawClient(running) as one:
        yield one


def streams(answer: str) -> list[str]:
    return re.findall(r"<rsp:Stream [^>]*>([^<]*)<", answer)


def still_works(running: Endpoint) -> bool:
    one = PypsrpClient(running, "ntlm")
    try:
        return one.run("echo", b"x") == (b"x", b"", 0)
    finally:
        one.close()


def test_identify_says_that_this_is_no_windows(raw: RawClient) -> None:
    body = f'<s:Envelope xmlns:s="{SOAP}"><s:Body><i:Identify xmlns:i="{IDENTITY}"/></s:Body></s:Envelope>'
    status, text = raw.post(body.encode())
    assert (status, "stand-in" in text, "wsman.xsd" in text) == (200, True, True)


@pytest.mark.parametrize("action", ["Command", "Send", "Receive", "Signal", "Delete"])
def test_a_shell_that_is_not_there_is_a_fault(raw: RawClient, action: str) -> None:
    assert raw.fault(action, shell=UNKNOWN) == NO_SHELL
    assert raw.fault(action) == NO_SHELL


def test_a_command_that_is_not_there_is_a_fault(raw: RawClient) -> None:
    shell = raw.open()
    assert raw.fault("Send", send_body(UNKNOWN, b"", last=True), shell=shell) == NO_COMMAND
    assert raw.fault("Receive", receive_body(UNKNOWN), shell=shell) == NO_COMMAND
    assert raw.fault("Signal", signal_body(UNKNOWN, "terminate"), shell=shell) == NO_COMMAND


def test_a_shell_is_gone_once_deleted(raw: RawClient) -> None:
    shell = raw.open()
    raw.ask("Delete", shell=shell)
    assert raw.fault("Delete", shell=shell) == NO_SHELL


def test_what_the_endpoint_does_not_know_is_a_fault(raw: RawClient) -> None:
    shell = raw.open()
    assert raw.fault("Disconnect", shell=shell) == BAD_ACTION
    assert raw.fault("http://example.org/nothing", shell=shell) == BAD_ACTION
    assert raw.fault("Create", "<rsp:Shell/>", resource=f"{SHELL}/other") == NO_RESOURCE
    assert raw.fault("Create", "<rsp:Shell/>", resource="http://schemas.microsoft.com/powershell/x") == NO_RESOURCE
    assert raw.fault("Get", resource=CMD_SHELL) == NO_RESOURCE


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"<a",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        f'<s:Envelope xmlns:s="{SOAP}"/>'.encode(),
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body/></s:Envelope>'.encode(),
        b"<!DOCTYPE x>" + message("Create", "<rsp:Shell/>"),
        message("Create", ""),
        message("Create", "<other/>"),
    ],
)
def test_what_is_no_message_is_a_fault(running: Endpoint, raw: RawClient, body: bytes) -> None:
    assert code_of(*raw.post(body)) == BAD_MESSAGE
    assert still_works(running)


def test_input_that_is_not_base64_or_for_another_stream_is_a_fault(raw: RawClient) -> None:
    shell = raw.open()
    command = raw.command(shell)
    broken = send_body(command, b"abc", last=True).replace("YWJj", "Y*Jj")
    assert raw.fault("Send", broken, shell=shell) == BAD_MESSAGE
    assert raw.fault("Send", send_body(command, b"", last=True, stream="stdout"), shell=shell) == BAD_MESSAGE


def test_input_after_its_end_is_a_fault(raw: RawClient) -> None:
    shell = raw.open()
    command = raw.command(shell)
    raw.ask("Send", send_body(command, b"a", last=True), shell=shell)
    assert raw.fault("Send", send_body(command, b"b", last=True), shell=shell) == PIPE_ENDED


def test_a_message_that_is_too_large_is_a_fault_and_one_beyond_all_measure_is_not_read(
    running: Endpoint, raw: RawClient
) -> None:
    assert code_of(*raw.post(b" " * 512_001)) == TOO_LARGE
    with socket.create_connection((ADDRESS, running.server.port), timeout=10) as plain:
        context = ssl.create_default_context(cafile=str(running.certificate))
        with context.wrap_socket(plain, server_hostname=ADDRESS) as connection:
            connection.sendall(b"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 411 ")
    assert still_works(running)


def test_requests_of_another_path_or_kind_are_refused(raw: RawClient) -> None:
    for method, path, expected in (("POST", "/", 404), ("GET", "/wsman", 501), ("POST", "/wsman/x", 404)):
        raw.connection.request(method, path, b"", {"Authorization": raw.logon})
        response = raw.connection.getresponse()
        response.read()
        assert response.status == expected


def test_a_logon_by_ntlm_is_the_connections_own(running: Endpoint, raw: RawClient) -> None:
    """A connection beside one that is logged on is told to log on, and a Basic logon is for one request."""
    one = PypsrpClient(running, "ntlm")
    one.run("echo", b"x")
    raw.open()
    raw.logon = ""
    assert raw.post(message("Create", "<rsp:Shell/>"))[0] == 401
    one.close()


def test_a_refused_logon_ends_the_one_before(running: Endpoint, raw: RawClient) -> None:
    raw.log_on_by_ntlm()
    raw.open()
    raw.logon = "Basic eDp4"
    assert raw.post(message("Create", "<rsp:Shell/>"))[0] == 401
    raw.logon = ""
    assert raw.post(message("Create", "<rsp:Shell/>"))[0] == 401
    assert (running.counts.logons, running.counts.failed_logons) == (1, 1)


def test_a_user_cannot_use_the_shell_of_another(tmp_path: Path) -> None:
    with (
        endpoint(tmp_path, accounts=(Account("one", PASSWORD), Account("two", PASSWORD))) as running,
        RawClient(running, "one") as one,
        RawClient(running, "two") as two,
    ):
        shell = one.open()
        assert two.fault("Delete", shell=shell) == NO_SHELL
        one.ask("Delete", shell=shell)


def test_dribbles_are_small_and_the_end_of_a_command_comes_alone(tmp_path: Path) -> None:
    def handler(_line: CommandLine, _stdin: bytes) -> CommandResult:
        return CommandResult(b"o" * 3000, b"e" * 3000, 7)

    with endpoint(tmp_path, handler) as running, RawClient(running) as one:
        running.behave(piece=4096)
        shell = one.open()
        command = one.command(shell)
        one.ask("Send", send_body(command, b"", last=True), shell=shell)
        answers = [one.ask("Receive", receive_body(command), shell=shell) for _ in range(3)]
        sizes = [sum(len(base64.b64decode(text)) for text in streams(answer)) for answer in answers]
        assert sizes == [4096, 1904, 0]
        assert ["ExitCode>7<" in answer for answer in answers] == [False, False, True]


@pytest.mark.parametrize(
    "logon", ["Negotiate", "Negotiate x", "Negotiate eHh4", "NTLM TlRMTVNTUAABAAAA", "Bearer x", "Basic !"]
)
def test_a_garbled_logon_is_refused(running: Endpoint, raw: RawClient, logon: str) -> None:
    raw.logon = logon
    assert raw.post(message("Create", "<rsp:Shell/>"))[0] == 401
    assert running.counts.shells == 0
    assert still_works(running)


def test_the_31st_shell_of_a_user_is_a_fault_until_one_is_closed(raw: RawClient) -> None:
    shells = [raw.open() for _ in range(30)]
    assert raw.fault("Create", "<rsp:Shell/>") == TOO_MANY
    raw.ask("Delete", shell=shells[0])
    raw.open()


def test_a_shell_that_idles_too_long_is_gone(raw: RawClient) -> None:
    idle, other = raw.open("PT0S"), raw.open("PT60S")
    assert raw.fault("Delete", shell=idle) == NO_SHELL
    raw.ask("Delete", shell=other)


def test_terminating_a_command_ends_the_receive_that_waits_for_it(running: Endpoint, raw: RawClient) -> None:
    shell = raw.open()
    command = raw.command(shell)
    codes: list[int] = []

    def wait() -> None:
        with RawClient(running) as other:
            codes.append(other.fault("Receive", receive_body(command), shell=shell, timeout="PT15S"))

    thread = threading.Thread(target=wait)
    thread.start()
    while running.counts.actions.get("Receive", 0) == 0 and thread.is_alive():
        thread.join(0.02)
    raw.ask("Signal", signal_body(command, "terminate"), shell=shell)
    thread.join(20)
    assert codes in ([ABORTED], [NO_COMMAND])  # NO_COMMAND: terminated before the Receive had found it
    assert raw.fault("Receive", receive_body(command), shell=shell) == NO_COMMAND


def test_ctrl_c_ends_a_command_with_its_own_exit_code(raw: RawClient) -> None:
    shell = raw.open()
    command = raw.command(shell)
    raw.ask("Signal", signal_body(command, "ctrl_c"), shell=shell)
    assert "<rsp:ExitCode>-1073741510<" in raw.ask("Receive", receive_body(command), shell=shell)
    assert raw.fault("Signal", signal_body(command, "other"), shell=shell) == BAD_MESSAGE


def test_a_command_without_the_end_of_its_stdin_waits(raw: RawClient) -> None:
    shell = raw.open()
    command = raw.command(shell)
    raw.ask("Send", send_body(command, b"a", last=False), shell=shell)
    assert raw.fault("Receive", receive_body(command), shell=shell, timeout="PT0.200S") == TIMED_OUT
    raw.ask("Send", send_body(command, b"", last=True), shell=shell)
    assert ">YQ==<" in raw.ask("Receive", receive_body(command), shell=shell)


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"POST /wsman HTTP/1.1\r\n\r\n"])
def test_a_client_that_vanishes_before_the_handshake_harms_nobody(running: Endpoint, said: bytes) -> None:
    for _ in range(5):
        with socket.create_connection((ADDRESS, running.server.port), timeout=10) as plain:
            plain.sendall(said)
    assert still_works(running)


def test_a_client_that_vanishes_within_a_message_harms_nobody(
    running: Endpoint, capfd: pytest.CaptureFixture[str]
) -> None:
    with RawClient(running) as one:
        one.connection.putrequest("POST", "/wsman")
        one.connection.putheader("Authorization", one.logon)
        one.connection.putheader("Content-Length", "1000")
        one.connection.endheaders(b"<half")
    assert still_works(running)
    assert capfd.readouterr().err == ""


def test_a_command_goes_on_when_its_client_vanishes(tmp_path: Path) -> None:
    ran = threading.Event()

    def handler(_line: CommandLine, stdin: bytes) -> CommandResult:
        ran.set()
        return CommandResult(stdin)

    with endpoint(
        tmp_path,
        handler,
    ) as running:
        running.behave(command_delay_seconds=0.2)
        with RawClient(running) as one:
            shell = one.open()
            command = one.command(shell)
            one.ask("Send", send_body(command, b"a", last=True), shell=shell)
        assert ran.wait(20)
        with RawClient(running) as other:
            assert ">YQ==<" in other.ask("Receive", receive_body(command), shell=shell)


def test_every_connection_is_cut_when_the_endpoint_stops(tmp_path: Path) -> None:
    with endpoint(tmp_path) as running:
        one = RawClient(running)
        one.open()
    with pytest.raises(OSError):  # reset, or closed without an answer
        one.open()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESS, running.server.port), timeout=5)
