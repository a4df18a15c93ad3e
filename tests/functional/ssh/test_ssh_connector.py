"""The SSH connector before a real sshd: who is believed, who is logged on to, and that nothing waits for ever."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cemops.payload.assembly import BOOTSTRAP_COMMAND
from tests.functional.probe_bench import free_port
from tests.functional.ssh.ssh_server import KINDS, PASSPHRASE, SshServer, make_key, ssh_server, user_name

pytestmark = pytest.mark.slow

BIG = 5_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without keys and known hosts, and no agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


def data_of(server: SshServer, **changes: Any) -> dict[str, Any]:
    return {
        "cemops_address": "127.0.0.1",
        "cemops_port": server.port,
        "cemops_username": user_name(),
        "cemops_private_key_file": str(server.user_key),
        "cemops_host_key": server.host_key("ed25519"),
        "cemops_folder": str(server.folder),
        **changes,
    }


def process(data: dict[str, Any], *steps: dict[str, Any], **request: Any) -> tuple[dict[str, Any], str]:
    """Connect and run the steps; return the answer and what was written to stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.functional.ssh.connector_process"],
        cwd=Path(__file__).parents[3],
        input=json.dumps({"data": data, "steps": steps, **request}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def connect(data: dict[str, Any], *steps: dict[str, Any], **request: Any) -> dict[str, Any]:
    answer, stderr = process(data, *steps, **request)
    assert "Traceback" not in stderr
    return answer


def run_one(server: SshServer, command: str, **step: Any) -> dict[str, Any]:
    answer = connect(data_of(server), {"command": command, **step})
    assert answer["error"] is None
    result: dict[str, Any] = answer["results"][0]
    return result


# --- who is believed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_fingerprint_of_any_host_key_is_accepted(server: SshServer, home: Path, kind: str) -> None:
    answer = connect(data_of(server, cemops_host_key=server.host_key(kind)), {"command": "echo here"})
    assert answer["error"] is None
    assert answer["results"][0]["stdout"] == "here"
    assert not (home / ".ssh" / "known_hosts").exists()


def test_a_wrong_host_key_is_refused_before_any_log_on(server: SshServer, home: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    wrong = subprocess.run(
        ["ssh-keygen", "-lf", str(tmp_path / "other.pub")], check=True, capture_output=True, text=True
    ).stdout.split()[1]
    before = len(server.log)
    answer = connect(data_of(server, cemops_host_key=wrong))
    assert wrong in answer["error"]
    assert server.host_key("ed25519") in answer["error"]
    assert "change connection.host_key" in answer["error"]
    assert "Connection from" in server.log[before:]
    assert not server.tried(before)
    assert not (home / ".ssh" / "known_hosts").exists()


def test_the_log_would_show_a_log_on_that_was_tried(server: SshServer, home: Path) -> None:
    assert home.exists()
    before = len(server.log)
    assert connect(data_of(server))["error"] is None
    assert server.tried(before)


def test_a_declared_host_key_is_not_outvoted_by_known_hosts(server: SshServer, home: Path) -> None:
    (home / ".ssh" / "known_hosts").write_text(server.known_hosts_line("ed25519"), "utf-8")
    answer = connect(data_of(server, cemops_host_key="SHA256:" + "A" * 43))
    assert "not the declared one" in answer["error"]


def test_accept_new_in_the_operators_ssh_config_changes_nothing(server: SshServer, home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host *\n  StrictHostKeyChecking accept-new\n", "utf-8")
    answer = connect(data_of(server, cemops_host_key=None))
    assert server.host_key("ed25519") in answer["error"]
    assert not (home / ".ssh" / "known_hosts").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_declared_known_hosts_file_is_used(server: SshServer, home: Path, kind: str) -> None:
    file = home / "known"
    file.write_text(server.known_hosts_line(kind), "utf-8")
    answer = connect(data_of(server, cemops_host_key=None, cemops_known_hosts=str(file)))
    assert answer["error"] is None
    assert file.read_text("utf-8") == server.known_hosts_line(kind)


def test_a_host_that_no_known_hosts_file_knows_is_refused(server: SshServer, home: Path) -> None:
    file = home / "known"
    file.write_text("", "utf-8")
    before = len(server.log)
    answer = connect(data_of(server, cemops_host_key=None, cemops_known_hosts=str(file)))
    assert str(file) in answer["error"]
    assert server.host_key("ed25519") in answer["error"]
    assert "connection.host_key" in answer["error"]
    assert not server.tried(before)
    assert file.read_text("utf-8") == ""


def test_another_key_in_the_known_hosts_file_is_refused_with_the_presented_one(server: SshServer, home: Path) -> None:
    make_key(home / "other")
    file = home / "known"
    file.write_text(f"[127.0.0.1]:{server.port} " + (home / "other.pub").read_text("utf-8"), "utf-8")
    answer = connect(data_of(server, cemops_host_key=None, cemops_known_hosts=str(file)))
    assert str(file) in answer["error"]
    assert server.host_key("ed25519") in answer["error"]
    assert "firewall" not in answer["error"]


# --- who is logged on as ----------------------------------------------------------------------------------------


def test_a_missing_key_file_is_named(server: SshServer, home: Path) -> None:
    answer = connect(data_of(server, cemops_private_key_file=str(home / "nowhere")))
    assert f"the private key {home / 'nowhere'} does not exist" in answer["error"]


def test_an_encrypted_key_without_passphrase_asks_for_its_declaration(server: SshServer, home: Path) -> None:
    assert home.exists()
    answer = connect(data_of(server, cemops_private_key_file=str(server.folder / "encrypted")))
    assert "is encrypted: name its passphrase in private_key_passphrase" in answer["error"]


@pytest.mark.parametrize(("value", "works"), [(PASSPHRASE, True), ("canary-wrong", False)])
def test_an_encrypted_key_is_opened_by_its_passphrase_alone(
    server: SshServer, home: Path, monkeypatch: pytest.MonkeyPatch, value: str, works: bool
) -> None:
    assert home.exists()
    monkeypatch.setenv("KEY_PASSPHRASE", value)
    data = data_of(
        server,
        cemops_private_key_file=str(server.folder / "encrypted"),
        cemops_private_key_passphrase="env:KEY_PASSPHRASE",
    )
    answer = connect(data)
    assert (answer["error"] is None) is works
    assert "canary" not in json.dumps(answer["error"])


def test_a_passphrase_for_a_key_without_one_is_said_to_be_needless(
    server: SshServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("KEY_PASSPHRASE", "canary-needless")
    answer = connect(data_of(server, cemops_private_key_passphrase="env:KEY_PASSPHRASE"))
    assert "is not encrypted: take private_key_passphrase out" in answer["error"]


def test_a_refused_user_is_said_to_be_refused(server: SshServer, home: Path) -> None:
    assert home.exists()
    answer = connect(data_of(server, cemops_username="nobody-of-that-name"))
    assert "refuses the log-on of nobody-of-that-name: check its credential" in answer["error"]


def test_a_refused_key_is_said_to_be_refused(server: SshServer, home: Path) -> None:
    make_key(home / "stranger")
    answer = connect(data_of(server, cemops_private_key_file=str(home / "stranger")))
    assert "refuses the log-on" in answer["error"]


# --- nothing waits for ever -------------------------------------------------------------------------------------


def test_a_dead_port_is_unreachable(server: SshServer, home: Path) -> None:
    assert home.exists()
    answer = connect(data_of(server, cemops_port=free_port()))
    assert "cannot be reached by SSH" in answer["error"]


@contextmanager
def _saying(greeting: bytes) -> Iterator[int]:
    """A server that accepts, greets, and says no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def serve() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    held.append(connection)
                    connection.sendall(greeting)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in held:
                connection.close()


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-Silent_1.0\r\n", b"220 mail.example ESMTP\r\n"])
def test_a_host_that_never_speaks_ssh_is_given_up(server: SshServer, home: Path, greeting: bytes) -> None:
    assert home.exists()
    with _saying(greeting) as port:
        answer = connect(data_of(server, cemops_port=port), connect_seconds=1)
    assert "cannot be reached by SSH" in answer["error"]


@pytest.mark.parametrize(
    "command",
    [
        "sleep 9",
        "exec >&- 2>&-; sleep 9",
        "for i in 1 2 3 4 5 6 7 8 9; do echo again; sleep 1; done",
        "trap '' TERM HUP; while :; do sleep 1; [ $((i += 1)) -lt 9 ] || exit; done",
    ],
)
def test_a_command_that_does_not_end_meets_its_deadline(server: SshServer, home: Path, command: str) -> None:
    assert home.exists()
    assert run_one(server, command, timeout=1)["error"] == "TimeoutError"


def test_a_command_that_reads_no_input_meets_its_deadline(server: SshServer, home: Path) -> None:
    assert home.exists()
    assert run_one(server, "sleep 9", stdin=BIG, timeout=1)["error"] == "TimeoutError"


def test_the_connection_serves_on_after_a_deadline(server: SshServer, home: Path) -> None:
    assert home.exists()
    answer = connect(data_of(server), {"command": "sleep 9", "timeout": 1}, {"command": "echo on"})
    assert answer["results"][0]["error"] == "TimeoutError"
    assert answer["results"][1]["stdout"] == "on"


def test_a_connection_cut_under_a_command_is_an_error_of_the_host(server: SshServer, home: Path) -> None:
    assert home.exists()
    result = run_one(server, "kill -9 $PPID; sleep 5")
    assert result["error"] == "OSError"
    assert f"127.0.0.1:{server.port}: the SSH connection was cut" in result["text"]


# --- what goes through ------------------------------------------------------------------------------------------


def test_small_packets_are_not_held_back(server: SshServer, home: Path) -> None:
    assert home.exists()
    assert connect(data_of(server))["nodelay"] == 1


def test_much_input_arrives_whole(server: SshServer, home: Path) -> None:
    assert home.exists()
    assert run_one(server, "wc -c", stdin=BIG)["stdout"].strip() == str(BIG + 1)


def test_much_output_arrives_whole(server: SshServer, home: Path) -> None:
    assert home.exists()
    assert run_one(server, f"head -c {BIG} /dev/zero | tr '\\0' y", whole=False)["length"] == BIG


def test_much_input_and_much_output_at_once_do_not_block_each_other(server: SshServer, home: Path) -> None:
    assert home.exists()
    assert run_one(server, "cat", stdin=BIG, timeout=30, whole=False)["length"] == BIG


def test_a_command_that_ends_before_it_read_its_input_keeps_its_answer(server: SshServer, home: Path) -> None:
    assert home.exists()
    result = run_one(server, "echo enough; exit 3", stdin=BIG, timeout=30)
    assert (result["succeeded"], result["stdout"]) == (False, "enough")


def test_bytes_that_are_no_text_neither_end_nor_cut_the_answer(server: SshServer, home: Path) -> None:
    assert home.exists()
    result = run_one(server, "printf 'a\\377b\\nlast\\n'; printf 'e\\376\\n' >&2")
    assert (result["succeeded"], result["stdout"], result["stderr"]) == (True, "a\ufffdb\nlast", "e\ufffd")


def test_a_character_over_two_packets_stays_whole(server: SshServer, home: Path) -> None:
    assert home.exists()
    assert run_one(server, "printf '\\303'; sleep 0.2; printf '\\244'")["stdout"] == "ä"


def test_a_sudo_that_wants_a_password_fails_and_never_asks(server: SshServer, home: Path) -> None:
    assert home.exists()
    answer, stderr = process(data_of(server), {"command": "id -u", "sudo": True})
    result = answer["results"][0]
    assert (result["succeeded"], result["stderr"]) == (False, "sudo: a password is required")
    assert "password:" not in stderr.replace("a password is required", "")
    assert answer["commands"] == 1


# --- what a Windows machine's sshd is asked to run --------------------------------------------------------------


def run_program(server: SshServer, line: str, content: bytes, **step: Any) -> dict[str, Any]:
    """Run a command line as ``cemops.execution.powershell`` does."""
    return run_one(server, "", program=line, content=base64.b64encode(content).decode(), **step)


@pytest.mark.parametrize("content", [b"", b"no line break", b"\xff\x00\r\n" * 300_000])
def test_a_program_gets_and_gives_bytes_as_they_are(server: SshServer, home: Path, content: bytes) -> None:
    assert home.exists()
    result = run_program(server, "cat; printf 'said\\n' >&2; exit 3", content)
    assert base64.b64decode(result["stdout"]) == content
    assert (result["code"], result["complaint"]) == (3, "said")


def test_nothing_is_put_around_a_windows_command_line(server: SshServer, home: Path) -> None:
    assert home.exists()
    line = "tr '\\0' '|' </proc/$$/cmdline"
    result = run_program(server, line, b"")
    shell, option, ran = base64.b64decode(result["stdout"]).decode().rstrip("|").split("|", 2)
    assert (shell.endswith("sh"), option, ran) == (True, "-c", line)


def test_a_program_without_end_meets_its_deadline(server: SshServer, home: Path) -> None:
    assert home.exists()
    result = run_program(server, "sleep 9", b"", timeout=1)
    assert result["error"] == "TimeoutError"
    assert f"127.0.0.1:{server.port} did not end the command within 1 s" in result["text"]


def test_a_windows_command_line_that_is_too_long_is_refused(server: SshServer, home: Path) -> None:
    assert home.exists()
    result = run_program(server, "x" * 8192, b"")
    assert result["error"] == "OSError"
    assert "8191" in result["text"]


def test_the_payload_is_one_process_of_powershell_on_a_windows_machines_sshd(server: SshServer, home: Path) -> None:
    stub = server.folder / "bin" / "powershell.exe"
    stub.write_text(f"#!/bin/sh\nprintf '%s\\n' powershell.exe \"$@\" >'{home}/line'\ncat\n", "utf-8")
    stub.chmod(0o755)
    content = base64.b64encode(b"\xff\x00\n" * 1000).decode()
    answer = connect(data_of(server), {"command": "", "payload": 30, "content": content})
    assert answer["results"] == [{"stdout": content}]
    assert (home / "line").read_text("utf-8").split() == BOOTSTRAP_COMMAND.split()
    assert answer["commands"] == 1
