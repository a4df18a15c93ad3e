"""The WinRM connector before the lab's endpoint: what goes through, what it costs, and that everything has an end."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cemops.execution.winrm_shell import INPUT_BYTES
from cemops.lab.windows.command_line import CommandLine, CommandResult
from cemops.payload.assembly import BOOTSTRAP_COMMAND
from tests.functional.winrm.windows_files import script_of
from tests.functional.winrm.winrm_bench import PASSWORD, Endpoint, Pair, connect, endpoint, make_pair

pytestmark = pytest.mark.slow

QUICK = [
    ("shell", "OPERATION_SECONDS", 1),
    ("shell", "_GRACE_SECONDS", 2),
    ("endpoint", "ANSWER_SECONDS", 1),
]
"""Waits that a test can wait for."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("pair"), "ns1")


@pytest.fixture
def running(pair: Pair) -> Iterator[Endpoint]:
    with endpoint(pair) as one:
        yield one


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# --- what it costs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("authentication", "requests"), [("ntlm", 7), ("basic", 5)])
def test_a_command_with_input_costs_three_requests_beside_the_shell(
    running: Endpoint, tmp_path: Path, authentication: str, requests: int
) -> None:
    data = running.data(tmp_path, cemops_authentication=authentication)
    answer = connect(data, {"program": "echo", "content": encoded("abc")})
    assert answer["results"][0]["stdout"] == encoded("abc")
    assert running.counts.actions == {"Create": 1, "Command": 1, "Send": 1, "Receive": 1, "Delete": 1}
    assert answer["counts"]["requests"] == running.counts.requests == requests
    assert (answer["counts"]["connections"], running.counts.connections) == (1, 1)
    assert (answer["counts"]["commands"], running.counts.failed_logons) == (1, 0)


def test_observing_with_300_kb_of_state_costs_ten_requests_at_most(running: Endpoint, tmp_path: Path) -> None:
    answer = connect(running.data(tmp_path), {"program": "echo", "size": 300_000})
    assert answer["results"][0]["echoed"]
    assert answer["counts"]["requests"] <= 10


def test_three_commands_of_one_run_cost_sixteen_requests_at_most_on_one_connection(
    running: Endpoint, tmp_path: Path
) -> None:
    answer = connect(running.data(tmp_path), *[{"program": "echo", "size": 150_000}] * 3)
    assert all(result["echoed"] for result in answer["results"])
    assert answer["counts"]["requests"] <= 16
    assert answer["counts"]["connections"] == 1


def test_the_bytes_are_counted(running: Endpoint, tmp_path: Path) -> None:
    answer = connect(running.data(tmp_path), {"program": "echo", "size": 300_000})
    assert running.counts.octets_in < answer["counts"]["sent"] < running.counts.octets_in + 5_000
    assert running.counts.octets_out < answer["counts"]["received"] < running.counts.octets_out + 5_000


def test_the_shell_is_gone_after_the_run(running: Endpoint, tmp_path: Path) -> None:
    connect(running.data(tmp_path), {"program": "echo"})
    assert len(running.server.service.shells) == 0
    assert running.counts.shells == 1


def test_many_commands_leave_no_more_than_a_few_ended_ones_in_the_shell(running: Endpoint, tmp_path: Path) -> None:
    answer = connect(running.data(tmp_path), *[{"program": "echo"}] * 12)
    assert [result["code"] for result in answer["results"]] == [0] * 12
    assert running.counts.actions["Signal"] == 12 - 5
    assert running.counts.shells == 1


def test_greenlets_that_come_together_are_let_in_one_by_one(running: Endpoint, tmp_path: Path) -> None:
    answer = connect(running.data(tmp_path), {"together": 8})
    assert sorted(answer["results"][0]["outputs"]) == [str(number) for number in range(8)]
    assert (running.counts.logons, running.counts.shells, running.counts.connections) == (1, 1, 1)


def test_a_shell_that_rested_is_replaced_with_a_connection_of_its_own(running: Endpoint, tmp_path: Path) -> None:
    steps = [{"program": "echo", "content": encoded("a")}] * 2
    answer = connect(running.data(tmp_path), *steps, settings=[("shell", "REST_SECONDS", -1)])
    assert [result["stdout"] for result in answer["results"]] == [encoded("a")] * 2
    assert (running.counts.shells, running.counts.connections, running.counts.logons) == (3, 3, 3)


# --- what goes through ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, INPUT_BYTES - 1, INPUT_BYTES, INPUT_BYTES + 1, 3 * INPUT_BYTES])
def test_input_of_any_length_arrives_whole(running: Endpoint, tmp_path: Path, size: int) -> None:
    answer = connect(running.data(tmp_path), {"program": "echo", "size": size})
    assert answer["results"][0] | {"took": 0} == {"code": 0, "echoed": True, "length": size, "took": 0}
    assert running.counts.actions["Send"] == max(1, -(-size // INPUT_BYTES))


def test_dribbled_output_arrives_whole(running: Endpoint, tmp_path: Path) -> None:
    running.behave(piece=4096)
    answer = connect(running.data(tmp_path), {"program": "echo", "size": 300_000})
    assert answer["results"][0]["echoed"]
    assert running.counts.actions["Receive"] >= 300_000 // 4096


def test_messages_are_encrypted_where_there_is_no_tls(tmp_path: Path) -> None:
    with endpoint(None) as running:
        answer = connect(running.data(tmp_path), {"program": "echo", "size": 700_000}, {"program": "echo"})
    assert [result["echoed"] for result in answer["results"][:1]] == [True]
    assert running.counts.logons == 1  # the endpoint takes nothing that is not sealed


def test_a_powershell_command_is_run_without_cmd_and_knows_no_posix_quoting(pair: Pair, tmp_path: Path) -> None:
    def say(_line: CommandLine, _stdin: bytes) -> CommandResult:
        return CommandResult("Größe 中文\r\nzwei\r\n".encode(), b"", 0)

    with endpoint(pair, say) as running:
        step = {"shell": "Get-Item 'C:\\x'", "arguments": {"_env": {"A": "it's"}, "_chdir": "C:\\Program Files"}}
        answer = connect(running.data(tmp_path), step)
    result = answer["results"][0]
    assert (result["succeeded"], result["stdout"], result["stderr"]) == (True, "Größe 中文\nzwei", "")
    assert running.lines[0].skips_cmd
    script = script_of(running.lines[0])
    assert script.splitlines()[1:] == [
        "${env:A} = 'it''s'",
        "Set-Location -LiteralPath 'C:\\Program Files' -ErrorAction Stop",
        "Get-Item 'C:\\x'",
    ]


def test_a_failing_command_keeps_its_words_as_people_read_them(pair: Pair, tmp_path: Path) -> None:
    clixml = (
        b'#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
        b'<Obj S="progress" RefId="0"><MS><S N="x">Preparing modules</S></MS></Obj>'
        b'<S S="Error">Get-Item : no such thing_x000D__x000A_</S><S S="Error">at line 1_x000D__x000A_</S></Objs>'
    )
    with endpoint(pair, lambda _line, _stdin: CommandResult(b"", clixml, 3)) as running:
        answer = connect(
            running.data(tmp_path), {"shell": "x"}, {"shell": "x", "arguments": {"_success_exit_codes": [3]}}
        )
        spoken = connect(running.data(tmp_path), {"program": "x"})
    assert [result["succeeded"] for result in answer["results"]] == [False, True]
    assert answer["results"][0]["stderr"] == "Get-Item : no such thing\nat line 1"
    assert spoken["results"][0]["complaint"] == "at line 1"


def test_a_command_line_that_windows_would_cut_is_refused_before_it_is_sent(running: Endpoint, tmp_path: Path) -> None:
    answer = connect(running.data(tmp_path), {"shell": "#" * 3100}, {"program": "echo", "content": encoded("on")})
    assert answer["results"][0]["error"] == "OSError"
    assert "8191: send what is long on standard input" in answer["results"][0]["text"]
    assert answer["results"][1]["stdout"] == encoded("on")
    assert running.counts.commands == 1


@pytest.mark.parametrize("argument", ["_sudo", "_su_user", "_doas"])
def test_becoming_somebody_else_is_refused(running: Endpoint, tmp_path: Path, argument: str) -> None:
    answer = connect(running.data(tmp_path), {"shell": "x", "arguments": {argument: "root"}})
    assert f"{argument} has no meaning on Windows" in answer["results"][0]["text"]
    assert running.counts.commands == 0


def test_a_command_that_ends_before_it_read_its_input_keeps_its_answer(pair: Pair, tmp_path: Path) -> None:
    with endpoint(pair, lambda _line, _stdin: CommandResult(b"enough", b"", 3)) as running:
        answer = connect(running.data(tmp_path), {"program": "x", "content": encoded("much")})
    assert (answer["results"][0]["code"], answer["results"][0]["stdout"]) == (3, encoded("enough"))


def test_the_payload_is_one_process_with_bytes_on_both_sides(running: Endpoint, tmp_path: Path) -> None:
    content = base64.b64encode(b"\xff\x00\n" * 1000).decode()
    answer = connect(running.data(tmp_path), {"payload": 30, "content": content})
    assert answer["results"][0]["stdout"] == content
    assert [line.text for line in running.lines] == [BOOTSTRAP_COMMAND]
    assert (answer["counts"]["commands"], answer["counts"]["requests"]) == (1, 7)


# --- everything has an end --------------------------------------------------------------------------------------


def test_a_command_longer_than_an_operation_is_waited_for(running: Endpoint, tmp_path: Path) -> None:
    running.behave(command_delay_seconds=2.5)
    answer = connect(running.data(tmp_path), {"program": "echo", "content": encoded("late")}, settings=QUICK)
    assert answer["results"][0]["stdout"] == encoded("late")
    assert running.counts.actions["Receive"] >= 3
    assert running.counts.actions["Command"] == 1


def test_a_command_that_meets_its_deadline_is_ended_on_the_host(running: Endpoint, tmp_path: Path) -> None:
    running.behave(command_delay_seconds=30)
    answer = connect(running.data(tmp_path), {"program": "echo", "seconds": 2}, settings=QUICK)
    result = answer["results"][0]
    assert result["is_timeout"] is True
    assert "did not end the command within its time" in result["text"]
    assert result["took"] < 10
    assert running.counts.actions["Signal"] == 1
    assert len(running.server.service.shells) == 0


def test_the_host_can_be_worked_with_after_a_deadline(running: Endpoint, tmp_path: Path) -> None:
    running.behave(command_delay_seconds=3)
    steps: list[dict[str, Any]] = [{"program": "echo", "seconds": 1}, {"program": "echo", "content": encoded("on")}]
    answer = connect(running.data(tmp_path), *steps, settings=QUICK)
    assert answer["results"][0]["is_timeout"] is True
    assert answer["results"][1]["stdout"] == encoded("on")
    assert running.counts.failed_logons == 0


@pytest.mark.parametrize("action", ["Command", "Send", "Receive"])
def test_what_may_have_arrived_is_never_sent_again(running: Endpoint, tmp_path: Path, action: str) -> None:
    running.behave(hang_up_on=frozenset({action}))
    answer = connect(running.data(tmp_path), {"program": "echo", "content": encoded("x")})
    result = answer["results"][0]
    assert result["error"] == "WinrmError"
    assert "has cut the connection" in result["text"]
    assert "whether the command was carried out is not known" in result["text"]
    assert running.counts.actions[action] == 1
    assert running.counts.commands == 1


def test_the_next_command_after_a_cut_connection_gets_a_new_one(running: Endpoint, tmp_path: Path) -> None:
    running.behave(hang_up_on=frozenset({"Receive"}))
    steps = [{"program": "echo"}] * 2
    answer = connect(running.data(tmp_path), *steps)
    assert [result["error"] for result in answer["results"]] == ["WinrmError"] * 2
    assert (running.counts.commands, running.counts.connections, running.counts.failed_logons) == (2, 2, 0)


def test_a_refused_program_is_the_hosts_own_word_and_leaves_nothing_behind(pair: Pair, tmp_path: Path) -> None:
    with endpoint(pair) as running:
        running.server.service.knows = lambda line: line.text != "nowhere.exe"
        answer = connect(running.data(tmp_path), {"program": "nowhere.exe"}, {"program": "echo"})
    assert "refuses the operation (WinRM fault" in answer["results"][0]["text"]
    assert answer["results"][1]["code"] == 0
    assert running.counts.actions["Delete"] == running.counts.shells == 2


def test_a_wrong_password_is_tried_once(running: Endpoint, tmp_path: Path) -> None:
    for authentication in ("ntlm", "basic"):
        before = running.counts.failed_logons
        data = running.data(tmp_path, cemops_authentication=authentication)
        (tmp_path / "secret").write_text("canary-wrong", "utf-8")
        answer = connect(data, connect_times=3)
        assert f"refuses the logon of cemops by {authentication}: check the credential" in answer["error"]
        assert "canary" not in answer["error"]
        assert running.counts.failed_logons == before + 1
        (tmp_path / "secret").write_text(PASSWORD, "utf-8")
