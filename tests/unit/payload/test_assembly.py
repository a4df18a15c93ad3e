from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cemops.payload.assembly import (
    BOOTSTRAP_ARGUMENTS,
    BOOTSTRAP_COMMAND,
    COMMAND_LINE_LIMIT,
    PAYLOAD,
    PayloadError,
    dead_man_actions,
    dead_man_script,
    framed,
    join_payload,
    read_script,
    reply_of,
)

ROOT = Path(__file__).resolve().parents[3]
CASES: list[dict[str, Any]] = [
    case
    for path in sorted((ROOT / "tests" / "payload" / "cases").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]
ACTION = {"id": "1", "op": "file.remove", "path": "C:\\x"}
# Of ConvertFrom-Json: names that it refuses, and texts that version 7 makes dates of.
UNREADABLE = re.compile(r"^$|^psobject$", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}T|/Date\(")


def envelope(**fields: object) -> bytes:
    return b"\n" + json.dumps(fields).encode() + b"\n"


def packed_state(content: bytes) -> bytes:
    return envelope(ok=True, data={"gzip": base64.b64encode(gzip.compress(content)).decode()})


def test_command_line_is_short_enough_for_windows() -> None:
    assert len(BOOTSTRAP_COMMAND) <= COMMAND_LINE_LIMIT
    assert " ".join(("powershell.exe", *BOOTSTRAP_ARGUMENTS)) == BOOTSTRAP_COMMAND
    assert base64.b64decode(BOOTSTRAP_ARGUMENTS[-1]).decode("utf-16-le") == read_script("bootstrap.ps1")


def test_frame_is_digest_payload_and_request_a_line_each() -> None:
    frame = framed({"verb": "apply", "t": "ü中文😀\n"})
    digest, rest = frame.split(b"\n", 1)
    payload, request, end = rest.split(b"\n")
    assert digest.decode() == hashlib.sha256(rest).hexdigest()
    assert base64.b64decode(payload).decode() == PAYLOAD
    assert json.loads(request) == {"verb": "apply", "t": "ü中文😀\n"}
    assert end == b""


def test_request_never_becomes_part_of_the_program() -> None:
    requests = ({"a": "'; exit #"}, {"a": "$(exit)"})
    assert len({framed(request).split(b"\n")[1] for request in requests}) == 1


@pytest.mark.parametrize("text", ["2026-11-22T12:00:00", "2026-11-22T12:00:00+02:00 and more", "/Date(0)/"])
def test_text_that_powershell_would_read_as_a_date_is_refused_by_its_place_alone(text: str) -> None:
    with pytest.raises(PayloadError, match=r"request\.actions\[0\]\.password looks like a date") as caught:
        framed({"actions": [{"password": text}]})
    assert text not in str(caught.value)


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        framed({"a": float("nan")})


def test_reply_is_the_last_line_whatever_was_printed_before() -> None:
    assert reply_of(b'hello\r\n{"ok":false}\r\n' + envelope(ok=True, data={"a": [1]})) == {"a": [1]}


def test_reply_may_end_like_a_windows_text() -> None:
    assert reply_of(b'\r\n{"ok":true,"data":3}\r\n') == 3


def test_error_of_the_machine_comes_with_type_number_and_place() -> None:
    error = {
        "type": "System.IO.IOException",
        "message": "in use",
        "hresult": "0x80070020",
        "id": "x",
        "stack": "at Write",
    }
    with pytest.raises(PayloadError, match="in use") as caught:
        reply_of(envelope(ok=False, error=error))
    assert (caught.value.type, caught.value.hresult, caught.value.stack) == (error["type"], "0x80070020", "at Write")


@pytest.mark.parametrize("error", [None, {}, "text"])
def test_error_that_says_nothing_is_an_error(error: object) -> None:
    with pytest.raises(PayloadError, match="without saying why"):
        reply_of(envelope(ok=False, error=error))


@pytest.mark.parametrize(
    "stdout", [b"", b"\n", b"#< CLIXML", b"[]\n", b"3\n", b'{"ok":1}\n', b"\xff\xfe\n", b"[" * 100_000]
)
def test_what_is_no_envelope_is_no_reply(stdout: bytes) -> None:
    with pytest.raises(PayloadError, match="gave no reply"):
        reply_of(stdout)


def test_state_is_unpacked() -> None:
    assert reply_of(packed_state('{"schema":1,"t":"ü"}'.encode())) == {"schema": 1, "t": "ü"}


def test_state_larger_than_its_bound_is_refused_unread() -> None:
    state = packed_state(json.dumps({"a": "x" * 5000}).encode())
    with pytest.raises(PayloadError, match="larger than 1000 bytes"):
        reply_of(state, limit=1000)


@pytest.mark.parametrize("text", ["!", "AAAA", base64.b64encode(gzip.compress(b"{}" * 9, mtime=0)[:-12]).decode()])
def test_damaged_state_is_refused(text: str) -> None:
    with pytest.raises(PayloadError, match="damaged"):
        reply_of(envelope(ok=True, data={"gzip": text}))


def test_state_that_is_no_json_is_refused() -> None:
    with pytest.raises(PayloadError, match="no JSON"):
        reply_of(packed_state(b"<xml/>"))


def test_dead_mans_script_gives_its_actions_back() -> None:
    actions = [ACTION, {"id": "2", "op": "service.restart", "service": "it's ü"}]
    script = dead_man_script(actions)
    assert dead_man_actions(script) == actions
    assert dead_man_actions(script.replace("\n", "\r\n")) == actions


def test_dead_mans_script_is_complete_and_the_same_each_time() -> None:
    script = dead_man_script([ACTION])
    assert script == dead_man_script([ACTION])
    assert script.isascii()
    assert not re.search("#[A-Z_]+#", script)
    assert "function Format-Failure($record) {" in script
    packed = re.search(r"\$payload = .*Expand-Text '([^']+)'", script)
    assert packed
    assert gzip.decompress(base64.b64decode(packed[1])).decode() == PAYLOAD


@pytest.mark.parametrize("script", ["", "Get-Date", dead_man_script([ACTION]).replace("ConvertFrom-Json (", "(")])
def test_script_of_somebody_else_is_no_dead_mans(script: str) -> None:
    with pytest.raises(PayloadError, match="no dead man's script"):
        dead_man_actions(script)


def test_dead_mans_script_with_another_request_is_refused() -> None:
    other = base64.b64encode(gzip.compress(b'{"verb":"state"}')).decode()
    with pytest.raises(PayloadError, match="no actions"):
        dead_man_actions(f"$request = ConvertFrom-Json (Expand-Text '{other}')")


def test_payload_is_parameter_leaves_actions_core_and_call() -> None:
    assert PAYLOAD.startswith("param($request)\n")
    assert PAYLOAD.endswith("\nreturn Invoke-Request $request\n")
    assert join_payload("# leaves\n", "# call\n").startswith("param($request)\n# leaves\n")
    order = [
        PAYLOAD.index(name) for name in ("function Get-OsLeaf", "function Add-Operation", "function Invoke-Request")
    ]
    assert all(one < next_ for one, next_ in pairwise(order))


def walk(value: object) -> list[tuple[str, object]]:
    """Every name and value below."""
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in ((name, item), *walk(item))]
    return [found for item in value for found in (("item", item), *walk(item))] if isinstance(value, list) else []


def objects(value: object) -> list[dict[str, Any]]:
    return [item for _, item in walk([value]) if isinstance(item, dict)]


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) >= 60
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_case_is_well_formed(case: dict[str, Any]) -> None:
    assert set(case) - {"machine_after"} in (
        {"name", "machine", "request", "reply", "calls"},
        {"name", "machine", "request", "error", "calls"},
    )
    assert all(isinstance(line, str) for line in case["calls"])
    assert "error" not in case or set(case["error"]) == {"message_contains"}
    sent = {"machine": case["machine"], "request": case["request"]}
    assert not [name for name, _ in walk(sent) if UNREADABLE.search(name)], "PowerShell refuses such names"
    assert not [value for _, value in walk(sent) if isinstance(value, str) and DATE.match(value)]
    assert all(len({name.lower() for name in thing}) == len(thing) for thing in objects(sent)), (
        "PowerShell sees doubles"
    )


def test_each_op_is_done_found_right_and_refused_in_a_case() -> None:
    ops = set(re.findall(r"^Add-Operation '([a-z_.]+)'", PAYLOAD, re.MULTILINE))
    seen: dict[str, set[object]] = {}
    for case in CASES:
        for action, told in (
            zip(case["request"]["actions"], case["reply"]["actions"], strict=True)
            if case.get("reply", {}).get("actions")
            else ()
        ):
            seen.setdefault(action["op"], set()).add(told.get("changed", told["state"]))
    never_right = {"service.restart", "deadman.confirm", "deadman.fire"}
    never_changed = {"httpd.test", "httpd.rehearse"}
    wanted = {
        op: {True, False, "failed"} - ({False} if op in never_right else {True} if op in never_changed else set())
        for op in ops
    }
    assert len(ops) >= 27
    assert {op: states - {"skipped"} for op, states in seen.items()} == wanted


def test_each_writing_leaf_is_called_in_a_case_and_lies_in_another() -> None:
    fake = (ROOT / "tests" / "payload" / "leaves_fake.ps1").read_text(encoding="utf-8")
    leaves = set(re.findall(r"(?:Test-FakeWrite|Add-FakeCall) '([A-Za-z-]+)'", fake))
    called = {line.split(" ")[0] for case in CASES for line in case["calls"]}
    refused = {start.split(" ")[0] for case in CASES for start in case["machine"].get("refuses", [])}
    ignored = {start.split(" ")[0] for case in CASES for start in case["machine"].get("ignores", [])}
    programs_alone = {"Invoke-HttpdTest", "Invoke-HttpdRehearsal"}
    assert called == leaves
    assert refused == leaves
    assert ignored == leaves - programs_alone


def test_every_field_of_want_is_answered_empty_and_filled() -> None:
    fields = {"registry", "stores", "services", "files", "folders", "accounts", "names"}
    answers = [case["reply"] for case in CASES if "reply" in case and case["request"]["verb"] == "state"]
    assert {name for reply in answers for name, part in reply.items() if part in ({}, [])} >= fields
    assert {name for reply in answers for name, part in reply.items() if part} >= fields


def test_runner_says_in_one_sentence_what_it_lacks(tmp_path: Path) -> None:
    plain = tmp_path / "pwsh"
    plain.write_text("not executable", encoding="utf-8")
    for engine in ("", "/nowhere/pwsh", str(plain)):
        done = subprocess.run(
            [sys.executable, "tests/payload/run.py"],
            cwd=ROOT,
            env={"PWSH": engine},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 64
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert "PWSH=/path/to/pwsh" in done.stderr
