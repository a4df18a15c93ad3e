"""Runs the payload's cases with a real PowerShell: PWSH=/path/to/pwsh python3 tests/payload/run.py (or: make payload).

Standard library only; Linux or Windows, PowerShell 5.1 or 7. First what carries the payload (the bootstrap and its
pipe), then ``cases/*.json`` over the fake leaves. Exit code 1 where one fails, 64 without
an engine.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from cemops.payload import assembly  # noqa: E402 - found by the line above, whatever the current folder is
from cemops.payload.assembly import PayloadError  # noqa: E402 - as above

WRONG_USAGE = 64
ALWAYS = {"schema", "time_ms", "os", "user", "iis", "dead_men", "lock"}
"""What every state has; a case names those that it is about."""
TOGETHER = 30
"""Cases in one process: starting PowerShell takes longer than all of them. One that spoils the process is found alone."""
CALL = """$FakeOutcomes = New-Object Collections.ArrayList
foreach ($case in $request.cases) {
    $FakeCalls.Clear()
    Initialize-FakeMachine $case.machine
    $outcome = [ordered]@{ reply = $null; error = $null; calls = $null; after = $null }
    try { $outcome.reply = Invoke-Request $case.request } catch { $outcome.error = Format-Failure $_ }
    $outcome.calls = $FakeCalls.ToArray()
    $outcome.after = Get-FakeMachineAfter
    $null = $FakeOutcomes.Add($outcome)
}
return [ordered]@{ outcomes = $FakeOutcomes.ToArray() }
"""
FAKE = assembly.join_payload((HERE / "leaves_fake.ps1").read_text(encoding="utf-8"), CALL)
ECHO = "param($in) return $in"


def engine() -> str:
    """The PowerShell that PWSH names; ends the program with one sentence where there is none."""
    named = os.environ.get("PWSH", "")
    found = shutil.which(named) if named else None
    if found is None:
        told = f"PWSH names {named!r}, which is no program that can be run" if named else "PWSH is not set"
        print(f"make payload needs a PowerShell: {told}. Say PWSH=/path/to/pwsh make payload.", file=sys.stderr)  # noqa: T201 - the program's output
        sys.exit(WRONG_USAGE)
    return found


def pipe(stdin: bytes) -> bytes:
    """What the bootstrap writes when it is given this."""
    command = [engine(), *assembly.BOOTSTRAP_ARGUMENTS]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=180, check=False).stdout


def run(payload: str, request: object, *, cut: int | None = None) -> Any:
    """Send one payload and one request (cut: only so many bytes of them); return the data of the reply."""
    return assembly.reply_of(pipe(assembly.framed(request, payload)[:cut]))


def message(payload: str, request: object, *, cut: int | None = None) -> str:
    """The error that comes back; where none does, what came instead."""
    try:
        return f"no error but {run(payload, request, cut=cut)!r:.200}"
    except PayloadError as error:
        return f"{error.type}: {error}"


def play(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run cases over the fake leaves; of each: reply or error, the calls, the machine afterwards."""
    sent = [{"machine": case["machine"], "request": case["request"]} for case in cases]
    outcomes: list[dict[str, Any]] = run(FAKE, {"cases": sent})["outcomes"]
    for outcome in outcomes:
        outcome["reply"] = unpacked(outcome["reply"])
    return outcomes


def unpacked(reply: Any) -> Any:
    """Return a reply with its state as plain data."""
    if not isinstance(reply, dict):
        return reply
    if set(reply) == {"gzip"}:
        return assembly.reply_of(json.dumps({"ok": True, "data": reply}).encode())
    return {**reply, "state": unpacked(reply["state"])} if "state" in reply else reply


def plan(*actions: dict[str, Any]) -> Any:
    """Run actions on a machine with one store, one PFX and nothing else."""
    return play([{"machine": MACHINE, "request": {"verb": "apply", "actions": list(actions)}}])[0]


def states(*actions: dict[str, Any]) -> list[tuple[str, bool | None]]:
    """What became of each action."""
    return [(action["state"], action.get("changed")) for action in plan(*actions)["reply"]["actions"]]


def restored(*actions: dict[str, Any]) -> Any:
    """What became of the actions in a dead man's script, over fake leaves that refuse one value."""
    machine = """ConvertFrom-Json '{"refuses": ["Set-RegistryValue HKLM:\\\\x refused"]}'"""
    leaves = (HERE / "leaves_fake.ps1").read_text(encoding="utf-8")
    payload = assembly.join_payload(leaves, f"Initialize-FakeMachine ({machine})\nreturn Invoke-Request $request\n")
    return run(assembly.dead_man_script(numbered(*actions), payload), {})["actions"]


def numbered(*actions: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each action an id of its own."""
    return [{**action, "id": str(number)} for number, action in enumerate(actions)]


MACHINE = {
    "stores": {"My": []},
    "pfx": {"YWJj": {"password": "p", "certificates": [{"thumbprint": "AB", "has_private_key": True}]}},
    "refuses": ["Add-SslCert ipport 127.0.0.1:1"],
    "ignores": ["Add-SslCert ipport 127.0.0.1:2"],
}
SET = {"id": "1", "op": "registry.set", "path": "HKLM:\\x", "name": "n", "view": "64", "kind": "DWord", "value": 5}
PFX = {"id": "2", "op": "certificate.import_pfx", "store": "My", "thumbprint": "AB", "pfx": "YWJj", "password": "p"}
SSL = {
    "id": "3",
    "op": "sslcert.set",
    "kind": "ipport",
    "endpoint": "0.0.0.0:443",
    "thumbprint": "AB",
    "store": "My",
    "appid": "{a}",
}
DEEP: dict[str, Any] = {"leaf": 1}
for _ in range(60):
    DEEP = {"next": DEEP}
CUTS = (0, 40, 64, 65, 70, 93, 94, -1)


FRAME: dict[str, Callable[[], bool]] = {
    "actions run in order": lambda: (
        plan(SET, PFX, SSL)["calls"]
        == [
            "Set-RegistryValue HKLM:\\x n DWord 5 64",
            "Import-Pfx My 3 ***",
            "Add-SslCert ipport 0.0.0.0:443 AB My {a} ",
        ]
    ),
    "what is already right is left alone": lambda: (
        states(*numbered(SET, SET, PFX, PFX, SSL, SSL)) == [("done", True), ("done", False)] * 3
    ),
    "the first failure stops and names itself": lambda: (
        states(SET, {**PFX, "password": "wrong"}, SSL) == [("done", True), ("failed", None), ("skipped", None)]
    ),
    "a program that says done and did nothing is a failure": lambda: (
        states(PFX, {**SSL, "endpoint": "127.0.0.1:2"}) == [("done", True), ("failed", None)]
    ),
    "an unknown op runs nothing": lambda: (
        "unknown op" in plan(SET, {"id": "9", "op": "format.disk"})["error"]["message"]
    ),
    "op names are case-sensitive": lambda: "unknown op" in plan({**SET, "op": "REGISTRY.SET"})["error"]["message"],
    "no actions, no action": lambda: plan()["reply"]["actions"] == [] and plan()["calls"] == [],
    "text survives": lambda: run(ECHO, {"t": "ü中文😀"}) == {"t": "ü中文😀"},
    "text of the payload survives": lambda: run("param($in) return 'ü中文😀'", {}) == "ü中文😀",
    "stdin cut anywhere is refused": lambda: all("stdin" in message(ECHO, {"a": 1}, cut=cut) for cut in CUTS),
    "exit is seen": lambda: message("param($in) exit 7", {}).startswith("exit:"),
    "break is seen": lambda: "break" in message("param($in) break", {}),
    "stray output is refused": lambda: "2 objects" in message("param($in) 1; return 2", {}),
    "printed text does not spoil the reply": lambda: (
        run("param($in) Write-Host hi; [Console]::WriteLine('x'); return 3", {}) == 3
    ),
    "a depth of 60 survives": lambda: run(ECHO, DEEP) == DEEP,
    "what JSON cannot hold is an error": lambda: not message("param($in) return @{1='a'}", {}).startswith("no error"),
    "a parse error is an error": lambda: not message("param($in) if (", {}).startswith("no error"),
    "the real cause is named": lambda: message("param($in) [int]::Parse('x')", {}).startswith(
        "System.FormatException:"
    ),
    "2 MB in, 2 MB out": lambda: len(run("param($in) return $in.t", {"t": "x" * 2_000_000})) == 2_000_000,
    "the real payload refuses what it does not know": lambda: (
        "unknown verb" in message(assembly.PAYLOAD, {"verb": "nothing"})
    ),
    "the real payload checks every action before the first": lambda: (
        "unknown op" in message(assembly.PAYLOAD, {"verb": "apply", "actions": [SET, {"id": "9", "op": "format.disk"}]})
    ),
    "the real payload does nothing when nothing is asked": lambda: (
        run(assembly.PAYLOAD, {"verb": "apply", "actions": []}) == {"actions": [], "failed": False}
    ),
    "a dead man's script holds payload and request": lambda: (
        run(assembly.dead_man_script([]), {}) == {"actions": [], "failed": False}
    ),
    "a dead man restores what he can": lambda: (
        [one["state"] for one in restored(SET, {**SET, "name": "refused"}, SET)] == ["done", "failed", "done"]
    ),
}


def differences(expected: object, got: object, place: str) -> list[str]:
    """Where two JSON values differ; ``message_contains`` stands for a message with that text in it."""
    if isinstance(expected, dict) and "message_contains" in expected:
        told = str(got.get("message")) if isinstance(got, dict) else repr(got)
        wanted = str(expected["message_contains"])
        return [] if wanted in told else [f"{place}: wanted an error with {wanted!a}, got {told!a}"]
    if isinstance(expected, dict) and isinstance(got, dict):
        found = [f"{place}.{name}: wanted, not there" for name in expected if name not in got]
        found += [f"{place}.{name}: not wanted, got {got[name]!a}" for name in got if name not in expected]
        for name in expected.keys() & got.keys():
            found += differences(expected[name], got[name], f"{place}.{name}")
        return sorted(found)
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [line for at, pair in enumerate(zip(expected, got)) for line in differences(*pair, f"{place}[{at}]")]  # noqa: B905 - of one length
    same = type(expected) is type(got) and expected == got
    return [] if same else [f"{place}: wanted {expected!a}, got {got!a}"]


def judge(case: dict[str, Any], outcome: dict[str, Any]) -> list[str]:
    """Compare what a case expects with what happened (docs/windows-payload.md, "Cases")."""
    found: list[str] = []
    if "error" in case:
        if outcome["error"] is None:
            found.append(f"error: wanted {case['error']['message_contains']!a}, got none but {outcome['reply']!a}")
        else:
            found += differences(case["error"], outcome["error"], "error")
    elif outcome["error"] is not None:
        found.append(f"reply: wanted one, got the error {outcome['error'].get('message')!a}")
    else:
        reply = dict(outcome["reply"])
        if case["request"].get("verb") == "state":
            reply = asked_for(reply, case["reply"])
        elif "state" in reply and "state" in case["reply"]:
            reply["state"] = asked_for(reply["state"], case["reply"]["state"])
        found += differences(case["reply"], reply, "reply")
    found += differences(case["calls"], outcome["calls"], "calls")
    for name, part in case.get("machine_after", {}).items():
        after = outcome["after"][name]
        if name == "services":  # a service has more to it than a case is about
            after = {
                service: {field: told for field, told in after[service].items() if field in part.get(service, {})}
                for service in after
            }
        found += differences(part, after, f"machine_after.{name}")
    return found


def asked_for(state: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what a case is about of a state."""
    return {name: part for name, part in state.items() if name in wanted or name not in ALWAYS}


def read_cases() -> list[dict[str, Any]]:
    """Every case of ``cases/``, in the order of the files' names."""
    files = sorted((HERE / "cases").glob("*.json"))
    return [case for file in files for case in json.loads(file.read_text(encoding="utf-8"))]


def try_frame(name: str) -> list[str]:
    """Run one case of the frame; what failed."""
    try:
        return [] if FRAME[name]() else ["did not hold"]
    except (PayloadError, OSError, subprocess.SubprocessError, KeyError, TypeError) as error:
        return [f"{type(error).__name__}: {error}"]


def try_cases(cases: list[dict[str, Any]]) -> list[list[str]]:
    """Run cases of ``cases/`` in one process; what differs, for each. One by one where the process itself fails."""
    try:
        outcomes = play(cases)
        return [judge(case, outcome) for case, outcome in zip(cases, outcomes)]  # noqa: B905 - of one length
    except (PayloadError, OSError, subprocess.SubprocessError, KeyError, TypeError) as error:
        if len(cases) == 1:
            return [[f"{type(error).__name__}: {error} {getattr(error, 'stack', '')}"]]
        return [found for case in cases for found in try_cases([case])]


def main() -> int:
    """Run everything, two processes at a time; print what failed."""
    engine()
    cases = read_cases()
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        results = list(zip(FRAME, pool.map(try_frame, FRAME)))  # noqa: B905 - of one length
        groups = [cases[at : at + TOGETHER] for at in range(0, len(cases), TOGETHER)]
        for group, found in zip(groups, pool.map(try_cases, groups)):  # noqa: B905 - of one length
            results += zip((case["name"] for case in group), found)  # noqa: B905 - of one length
    failed = [(name, lines) for name, lines in results if lines]
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")  # noqa: T201 - the program's output
    for name, lines in failed:
        print(f"  {name}", *(f"    {line}" for line in lines), sep="\n")  # noqa: T201 - the program's output
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
