"""The commands as an operator types them, on one lab: stock pyinfra's traps, dead hosts, records of observations.

The tests stand in the order of an operator's day: nothing is applied at first, and a gateway's sshd dies at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cemops.lab.estate_lab import Lab, take_down
from cemops.lab.folder import read_state
from cemops.rendering.output_schemas import output_schema
from tests.functional.forked_cemops import ForkedLab

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCHEMA = output_schema("plan")
KEY_MARK = "PRIVATE KEY"
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def day() -> Iterator[Lab]:
    """A lab for this module: its tests change it one after another."""
    parent = Path(tempfile.mkdtemp(prefix="cemops-day-"))
    parent.chmod(0o755)
    try:
        yield ForkedLab.up(parent / "lab")
    finally:
        if (parent / "lab").exists():
            take_down(parent / "lab")
        shutil.rmtree(parent)


def pyinfra(lab: Lab, *arguments: str, cwd: Path = ROOT, **environ: str) -> Done:
    return subprocess.run(
        [str(Path(sys.executable).parent / "pyinfra"), *arguments],
        cwd=cwd,
        env={**lab.environment, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def said(done: Done) -> str:
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    assert "EOFError" not in text, text
    return text


def plan(lab: Lab, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = lab.cemops("plan", "--format", "json", "--detailed-exitcode", *arguments)
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return done.returncode, document


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {host["host"]: host["status"] for host in document["hosts"]}


# --- stock pyinfra, before anything is applied ------------------------------------------------------------------


def test_the_very_command_plans_with_a_folder_as_inventory(day: Lab) -> None:
    done = pyinfra(day, "inventory", "deploys/gateway.py", "--dry")
    text = said(done)
    assert done.returncode == 0, text
    assert "[gw1]   + create file httpd.conf" in text
    assert "[gw2]   + create service httpd" in text
    assert not (day.folder / "hosts" / "gw1" / "root").exists()


def test_the_folder_of_group_data_is_applied(day: Lab) -> None:
    text = said(pyinfra(day, "inventory", "debug-inventory"))
    assert '"_shell_executable": "sh"' in text
    assert "gateways" in text
    assert KEY_MARK not in text


def test_a_mistyped_inventory_fails(day: Lab) -> None:
    done = pyinfra(day, "inventori", "deploys/gateway.py", "--dry")
    assert done.returncode == 1
    assert "inventori is no inventory" in said(done)
    assert "Detected changes" not in said(done)


def test_a_host_that_can_be_resolved_still_works_without_an_inventory(day: Lab) -> None:
    done = pyinfra(day, "@local", "exec", "--", "echo", "it", "runs", cwd=ROOT)
    assert "No host" not in said(done)
    done = pyinfra(day, "localhost", "debug-inventory")
    assert done.returncode == 0, said(done)
    assert "localhost" in said(done)


def test_a_mistyped_limit_fails(day: Lab) -> None:
    done = pyinfra(day, "inventory", "deploys/gateway.py", "--dry", "--limit", "gw1", "--limit", "gw7")
    assert done.returncode == 1
    assert "--limit gw7 matches no host" in said(done)


@pytest.mark.parametrize(("limit", "hosts"), [("gw1", {"gw1"}), ("gateways", {"gw1", "gw2"})])
def test_limit_takes_a_host_and_a_group(day: Lab, limit: str, hosts: set[str]) -> None:
    done = pyinfra(day, "inventory", "deploys/gateway.py", "--dry", "--limit", limit)
    text = said(done)
    assert done.returncode == 0, text
    assert {name for name in ("gw1", "gw2") if f"[{name}] Connected" in text} == hosts
    assert {name for name in ("gw1", "gw2") if f"[{name}]   + create" in text} == hosts


def test_diff_shows_the_files_and_without_it_no_content_is_shown(day: Lab) -> None:
    with_diff = said(pyinfra(day, "inventory", "deploys/gateway.py", "--dry", "--diff", "--limit", "gw1"))
    without = said(pyinfra(day, "inventory", "deploys/gateway.py", "--dry", "--limit", "gw1"))
    assert "--- /dev/null" in with_diff
    assert "+++ b/httpd.conf" in with_diff
    assert "SSLVerifyClient require" in with_diff
    assert "SSLVerifyClient" not in without
    assert KEY_MARK not in with_diff


def test_without_a_terminal_nothing_is_asked_and_the_repair_is_said(day: Lab) -> None:
    done = pyinfra(day, "inventory", "deploys/gateway.py")
    assert done.returncode == 1
    assert "there is no terminal to ask on, so nothing was changed: add -y" in said(done)
    assert not (day.folder / "hosts" / "gw1" / "root").exists()
    assert not (ROOT / "pyinfra-debug.log").exists()


def test_an_estate_with_errors_ends_pyinfra_with_our_sentence(day: Lab, tmp_path: Path) -> None:
    estate = yaml.safe_load(day.estate_file.read_text("utf-8"))
    estate["gateways"][0]["listen"]["port"] = 99999
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(estate), "utf-8")
    done = pyinfra(day, "inventory", "deploys/gateway.py", "--dry", CEMOPS_ESTATE=str(file))
    assert done.returncode == 1
    assert f"{file}:" in said(done)
    assert "gateways[0].listen.port" in said(done)
    assert "Connecting" not in said(done)


def test_an_estate_that_breaks_a_rule_ends_pyinfra_as_it_ends_plan(day: Lab, tmp_path: Path) -> None:
    estate = yaml.safe_load(day.estate_file.read_text("utf-8"))
    estate["gateways"][0]["capacity"]["endpoints"] = 35001
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(estate), "utf-8")
    assert day.cemops("plan", "--estate", str(file)).returncode == 1
    done = pyinfra(day, "inventory", "deploys/gateway.py", "--dry", CEMOPS_ESTATE=str(file))
    assert done.returncode == 1, said(done)
    assert "CEM123" in said(done)
    assert "Connecting" not in said(done)


def test_a_failed_fact_never_yields_a_plan(day: Lab) -> None:
    """The host answers, but not with a state: sudo wants a password (or is not there at all)."""
    estate = yaml.safe_load(day.estate_file.read_text("utf-8"))
    estate["credentials"]["broken"] = {**estate["credentials"]["lab-login"], "become": "sudo"}
    estate["gateways"][0]["connection"]["credential"] = "broken"
    file = day.folder / "broken.yaml"
    file.write_text(yaml.safe_dump(estate), "utf-8")
    sudo = day.folder / "hosts" / "gw1" / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n", "utf-8")
    sudo.chmod(0o755)
    for arguments in (("--dry",), ("-y",)):
        done = pyinfra(day, "inventory", "deploys/gateway.py", *arguments, "--limit", "gw1", CEMOPS_ESTATE=str(file))
        assert done.returncode == 1, said(done)
        assert "create" not in said(done)
        assert not (day.folder / "hosts" / "gw1" / "root").exists()
    code, document = plan(day, "--estate", str(file), "--limit", "gateways")
    assert code == 1
    assert statuses(document) == {"gw1": "error", "gw2": "changes", "gw3": "changes"}
    assert document["hosts"][0]["changes"] == []
    assert "sudo" in document["hosts"][0]["error"]
    file.unlink()


# --- apply, and what comes after --------------------------------------------------------------------------------


def test_pyinfra_applies_and_a_second_time_says_no_changes(day: Lab) -> None:
    first = pyinfra(day, "inventory", "deploys/gateway.py", "-y")
    assert first.returncode == 0, said(first)
    second = pyinfra(day, "inventory", "deploys/gateway.py", "-y")
    assert second.returncode == 0, said(second)
    assert "[gw1] No changes" in said(second)
    assert "[gw2] No changes" in said(second)
    assert "[gw3] No changes" in said(second)
    assert plan(day, "--limit", "gateways")[0] == 0


def log_of(lab: Lab, host: str) -> str:
    return (lab.folder / "hosts" / host / "sshd" / "sshd.log").read_text("utf-8", "replace")


def test_show_identity_prints_what_the_hosts_present_and_logs_on_to_none(day: Lab) -> None:
    before = {name: len(log_of(day, name)) for name in ("gw1", "gw2")}
    done = day.cemops("observe", "--show-identity")
    assert done.returncode == 0, done.stderr
    declared = {
        gateway["name"]: gateway["connection"]["host_key"]
        for gateway in yaml.safe_load(day.estate_file.read_text("utf-8"))["gateways"][:2]
    }
    for name, fingerprint in declared.items():
        assert f"{fingerprint} (ssh-ed25519)" in done.stdout
        new = log_of(day, name)[before[name] :]
        assert not any(word in new for word in ("Accepted", "Failed", "Invalid user", "authenticating")), new
    assert "by another way" in done.stderr or "console" in done.stderr


def same(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What a live plan and one from a record must have in common: everything but what it took to observe."""
    costs = {"round_trips", "http_requests"}
    return [{key: value for key, value in host.items() if key not in costs} for host in document["hosts"]]


def without_intent(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**host, "changes": [{**change, "intent": None} for change in host["changes"]]} for host in same(document)]


def test_one_dead_host_stops_no_other_and_a_record_outlives_them_all(day: Lab, tmp_path: Path) -> None:
    changed = yaml.safe_load(day.estate_file.read_text("utf-8"))
    for gateway in changed["gateways"]:
        gateway["capacity"]["concurrent_connections"] = 60
    day.estate_file.write_text(yaml.safe_dump(changed), "utf-8")
    record = tmp_path / "record.json"
    observed = day.cemops("observe", "--out", str(record))
    assert observed.returncode == 0, observed.stderr
    live_code, live = plan(day)
    code, from_record = plan(day, "--observed", str(record))
    assert (live_code, code) == (2, 2)
    assert same(from_record) == same(live)
    assert KEY_MARK not in record.read_text("utf-8")

    stop_sshd(day, "gw2")
    code, document = plan(day)
    assert code == 1
    servers = dict.fromkeys(("gw3", "ns1", "ps1", "ps2"), "changes")
    assert statuses(document) == {"gw1": "changes", "gw2": "unreachable", **servers}
    assert "cannot be reached by SSH" in document["hosts"][1]["error"]

    dry = pyinfra(day, "inventory", "deploys/gateway.py", "--dry")
    assert dry.returncode == 1, said(dry)
    assert "[gw1]   " in said(dry)
    assert "[gw2] " in said(dry)

    partial = day.cemops("observe", "--out", str(tmp_path / "partial.json"))
    assert partial.returncode == 1
    assert "cemops: gw2: " in partial.stderr
    identity = day.cemops("observe", "--show-identity")
    assert identity.returncode == 1
    assert "gw1 " in identity.stdout
    assert "cemops: gw2: " in identity.stderr

    applied = day.cemops("apply", "--yes")
    assert applied.returncode == 1, said(applied)
    assert "Applied: 5 changed, 1 unreachable." in applied.stdout
    servers = dict.fromkeys(("gw3", "ns1", "ps1", "ps2"), "in-sync")
    assert statuses(plan(day)[1]) == {"gw1": "in-sync", "gw2": "unreachable", **servers}

    stock = pyinfra(day, "inventory", "deploys/gateway.py", "-y")
    assert stock.returncode == 1
    assert "[gw1] No changes" in said(stock)

    stop_sshd(day, "gw1")
    code, document = plan(day, "--limit", "gateways")
    assert (code, statuses(document)) == (1, {"gw1": "unreachable", "gw2": "unreachable", "gw3": "in-sync"})
    none = pyinfra(day, "inventory", "deploys/gateway.py", "-y")
    assert none.returncode == 1
    assert "cannot be reached by SSH" in said(none)
    code, from_record = plan(day, "--observed", str(record))
    assert code == 2
    # The servers' certificates are made by now, and known; what was intended is drift once it was applied.
    assert without_intent(from_record)[:2] == without_intent(live)[:2]


def stop_sshd(lab: Lab, host: str) -> None:
    """End the one process that the lab recorded as this host's sshd."""
    state = read_state(lab.folder)
    assert state is not None
    (found,) = [process for process in state.processes if (process.host, process.role) == (host, "sshd")]
    os.kill(found.identity.pid, signal.SIGTERM)
