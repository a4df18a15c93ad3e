"""The lab's WinRM endpoint before two clients that know nothing of it: pywinrm and pypsrp, by NTLM and by Basic."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.shell import Process
from pypsrp.wsman import WSMan
from winrm.exceptions import InvalidCredentialsError
from winrm.exceptions import WSManFaultError as PywinrmFaultError

from cemops.lab.windows.command_line import CommandLine, CommandResult
from cemops.lab.windows.wsman_behaviour import Counters
from cemops.lab.windows.wsman_logons import Account
from tests.functional.windows.endpoint_bench import (
    CLIENTS,
    MACHINE,
    PASSWORD,
    USER,
    Client,
    Endpoint,
    PypsrpClient,
    PywinrmClient,
    endpoint,
    self_signed,
)

pytestmark = pytest.mark.slow

KINDS = [(client, logon) for client in CLIENTS for logon in ("ntlm", "basic")]
by_kind = pytest.mark.parametrize(("name", "logon"), KINDS)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Endpoint]:
    with endpoint(tmp_path) as one:
        yield one


@pytest.fixture(params=KINDS, ids="-".join)
def client(request: pytest.FixtureRequest, running: Endpoint) -> Iterator[Client]:
    name, logon = request.param
    one = CLIENTS[name](running, logon)
    yield one
    one.close()


def octets(number: int) -> bytes:
    """Octets in which no piece of 256 is like its neighbour."""
    return b"".join(hashlib.sha256(str(block).encode()).digest() for block in range(number // 32 + 1))[:number]


@pytest.mark.parametrize("size", [0, 1, 20_000, 2_000_000])
def test_stdin_arrives_whole_and_output_comes_back_whole(client: Client, size: int) -> None:
    stdin = octets(size)
    assert client.run("echo", stdin) == (stdin, b"", 0)


def test_output_comes_back_whole_in_dribbles_too(client: Client) -> None:
    client.endpoint.behave(piece=4096)
    stdin = octets(300_000)
    assert client.run("echo", stdin) == (stdin, b"", 0)
    assert client.endpoint.counts.actions["Receive"] >= 300_000 // 4096


def test_one_shell_serves_many_commands(client: Client) -> None:
    for number in range(5):
        assert client.run("echo", str(number).encode())[0] == str(number).encode()
    assert (client.endpoint.counts.shells, client.endpoint.counts.commands) == (1, 5)
    assert client.endpoint.counts.connections == 1
    client.close()
    assert len(client.endpoint.server.service.shells) == 0


def test_300_kb_of_output_cost_three_answers_and_ntlm_two_requests_a_connection(running: Endpoint) -> None:
    """ENGINEERING.md: a command with stdin and 300 KB of output costs 6 requests in an open shell."""
    one = PywinrmClient(running, "ntlm")
    one.run("echo", octets(300_000))
    assert running.counts.actions == {"Create": 1, "Command": 1, "Send": 1, "Receive": 3, "Signal": 1}
    assert running.counts.requests == 7 + 2
    one.close()


@by_kind
def test_text_of_any_language_survives(tmp_path: Path, name: str, logon: str) -> None:
    seen: list[CommandLine] = []

    def handler(line: CommandLine, stdin: bytes) -> CommandResult:
        seen.append(line)
        return CommandResult(stdin, line.text.encode(), 3)

    with endpoint(tmp_path, handler) as running:
        one = CLIENTS[name](running, logon)
        line = 'echo "<ü & 中文 😀>"'
        assert one.run(line, "Größe 中文 😀".encode()) == ("Größe 中文 😀".encode(), line.encode(), 3)
        assert seen == [CommandLine(line, skips_cmd=True)]
        one.close()


@by_kind
@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD), (USER, "")])
def test_a_wrong_password_or_name_is_refused_and_counted_once(
    running: Endpoint, name: str, logon: str, user: str, password: str
) -> None:
    one = CLIENTS[name](running, logon, user=user, password=password)
    with pytest.raises((InvalidCredentialsError, AuthenticationError)):
        one.run("echo", b"")
    assert (running.counts.failed_logons, running.counts.logons, running.counts.shells) == (1, 0, 0)
    one.close()


@by_kind
@pytest.mark.parametrize("user", [USER.upper(), f"{MACHINE.lower()}\\{USER}", f".\\{USER}"])
def test_a_local_account_may_be_named_with_its_machine(running: Endpoint, name: str, logon: str, user: str) -> None:
    one = CLIENTS[name](running, logon, user=user)
    assert one.run("echo", b"x")[0] == b"x"
    one.close()


def test_negotiate_wraps_ntlm_into_spnego(running: Endpoint) -> None:
    one = PypsrpClient(running, "negotiate")
    assert one.run("echo", b"x")[0] == b"x"
    assert running.counts.logons == 1
    one.close()


def test_accounts_stay_out_of_the_environment_and_off_the_disk(running: Endpoint, tmp_path: Path) -> None:
    one = PywinrmClient(running, "ntlm")
    one.run("echo", b"x")
    one.close()
    assert "NTLM_USER_FILE" not in os.environ
    assert {file.name for file in tmp_path.rglob("*")} == {"ns1.corp.example.crt", "ns1.corp.example.key"}


@pytest.mark.parametrize("name", CLIENTS)
def test_ntlm_without_tls_seals_each_message(tmp_path: Path, name: str) -> None:
    with endpoint(tmp_path, tls=False) as running:
        one = CLIENTS[name](running, "ntlm")
        stdin = octets(200_000)
        assert one.run("echo", stdin) == (stdin, b"", 0)
        one.close()


@pytest.mark.parametrize("name", CLIENTS)
def test_basic_without_tls_is_refused(tmp_path: Path, name: str) -> None:
    with endpoint(tmp_path, tls=False) as running:
        one = CLIENTS[name](running, "basic")
        if isinstance(one, PypsrpClient):
            one.never_seal = True
        with pytest.raises((InvalidCredentialsError, AuthenticationError)):
            one.run("echo", b"")
        assert running.counts.shells == 0


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_certificate_logs_on_whom_it_is_mapped_to(tmp_path: Path, name: str) -> None:
    mapped, other = self_signed(tmp_path, "operator"), self_signed(tmp_path, "stranger")
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(mapped[0].read_text())).hexdigest()
    both = tmp_path / "clients.pem"
    both.write_bytes(mapped[0].read_bytes() + other[0].read_bytes())
    account = Account(USER, PASSWORD, client_certificate=digest)
    with endpoint(tmp_path, accounts=(account,), client_authority=both) as running:
        one = CLIENTS[name](running, "certificate", certificate=mapped)
        assert one.run("echo", b"x")[0] == b"x"
        one.close()
        two = CLIENTS[name](running, "certificate", certificate=other)
        with pytest.raises((InvalidCredentialsError, AuthenticationError)):
            two.run("echo", b"x")
        two.close()
        assert running.counts.failed_logons == 1


def test_an_envelope_over_512000_octets_is_a_fault(running: Endpoint) -> None:
    one = PywinrmClient(running, "ntlm")
    assert one.run("echo", octets(370_000), chunk=370_000)[0] == octets(370_000)
    with pytest.raises(PywinrmFaultError) as refused:
        one.run("echo", octets(600_000), chunk=600_000)
    assert refused.value.wsman_fault_code == 2150858790
    assert one.run("echo", b"still there")[0] == b"still there"
    one.close()


def test_waiting_longer_than_the_operation_timeout_is_a_fault_and_the_next_receive_goes_on(running: Endpoint) -> None:
    running.behave(command_delay_seconds=1.5)
    for name in CLIENTS:
        one = CLIENTS[name](running, "basic", timeout_seconds=1)
        assert one.run("echo", b"late") == (b"late", b"", 0)
        one.close()
    assert running.counts.faults >= 2
    pypsrp = PypsrpClient(running, "basic")
    process = Process(pypsrp.shell, "echo")
    process.begin_invoke()
    with pytest.raises(WSManFaultError) as waited:
        pypsrp.shell.receive("stdout stderr", process.id, timeout=1)
    assert waited.value.code == 2150858793
    pypsrp.close()


@pytest.mark.parametrize("name", CLIENTS)
def test_a_program_that_is_not_there_is_a_fault_before_any_stdin(tmp_path: Path, name: str) -> None:
    with endpoint(tmp_path, knows=lambda line: line.text == "echo") as running:
        one = CLIENTS[name](running, "basic")
        with pytest.raises((PywinrmFaultError, WSManFaultError), match="not known to this stand-in"):
            one.run("format c:", b"")
        assert one.run("echo", b"x")[0] == b"x"
        assert running.counts.commands == 1
        one.close()


def test_cmd_says_on_stderr_what_it_does_not_know_and_what_is_too_long(tmp_path: Path) -> None:
    with endpoint(tmp_path, knows=lambda line: line.text.startswith("echo")) as running:
        one = PypsrpClient(running, "basic")
        for line, said in (("format c:", "not known to this stand-in"), ("echo " + "x" * 8190, "too long")):
            process = Process(one.shell, line)
            process.invoke()
            assert process.rc == 1
            assert said in process.stderr.decode()
        one.close()


def test_a_command_whose_handler_fails_says_that_and_nothing_of_its_data(tmp_path: Path) -> None:
    def handler(_line: CommandLine, stdin: bytes) -> CommandResult:
        raise ValueError(stdin)

    with endpoint(tmp_path, handler) as running:
        one = PywinrmClient(running, "basic")
        assert one.run("x", b"secret") == (b"", b"the stand-in failed: ValueError\n", 1)
        one.close()


def test_stdout_stderr_and_exit_code_are_kept_apart(tmp_path: Path) -> None:
    def handler(_line: CommandLine, stdin: bytes) -> CommandResult:
        return CommandResult(stdin, stdin[::-1], 44)

    with endpoint(tmp_path, handler) as running:
        stdin = octets(150_000)
        for name, logon in KINDS:
            one = CLIENTS[name](running, logon)
            assert one.run("x", stdin) == (stdin, stdin[::-1], 44)
            one.close()


def test_clients_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    together = threading.Barrier(8, timeout=30)

    def handler(_line: CommandLine, stdin: bytes) -> CommandResult:
        together.wait()  # only commands that run at the same time get through
        return CommandResult(stdin, b"", 0)

    with endpoint(tmp_path, handler) as running:

        def use(number: int) -> bool:
            name, logon = KINDS[number % len(KINDS)]
            one = CLIENTS[name](running, logon)
            stdin = str(number).encode() * 10_000
            try:
                return one.run("echo", stdin)[0] == stdin
            finally:
                one.close()

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(use, range(8)))
        assert running.counts.failed_logons == 0


def test_a_connection_that_is_cut_after_a_command_leaves_the_shell_and_the_result(running: Endpoint) -> None:
    one = PypsrpClient(running, "basic")
    running.behave(hang_up_on=frozenset({"Receive"}))
    process = Process(one.shell, "echo")
    process.begin_invoke()
    process.send(b"done all the same")
    with pytest.raises(OSError):  # what requests raises is one
        process.poll_invoke()
    running.behave()
    assert len(running.server.service.shells) == 1
    assert one.run("echo", b"again")[0] == b"again"
    one.close()


def test_the_configuration_tells_the_size_of_an_envelope(running: Endpoint) -> None:
    one = PypsrpClient(running, "basic")
    wsman: WSMan = one.shell.wsman
    wsman.update_max_payload_size()
    assert wsman.max_envelope_size == 512_000
    one.close()


def test_the_status_file_holds_the_counts(tmp_path: Path) -> None:
    status = tmp_path / "status.json"
    with endpoint(tmp_path, counters=Counters(status)) as running:
        one = PywinrmClient(running, "basic", password="wrong")
        with pytest.raises(InvalidCredentialsError):
            one.run("echo", b"")
        written = json.loads(status.read_text())
    assert (written["failed_logons"], written["requests"], written["schema"]) == (1, 1, 1)
