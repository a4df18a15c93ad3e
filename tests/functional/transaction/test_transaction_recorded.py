"""What an apply leaves in the store, however it ends: from cemops and from stock pyinfra alike."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.functional.store.store_worker import store_at
from tests.functional.transaction.bench import COMMAND_SECONDS, Bench, wait_until

pytestmark = pytest.mark.slow

PROGRAMS = Path(sys.executable).parent
COMMANDS = {
    "cemops": (sys.executable, "-m", "cemops", "apply", "--yes"),
    "pyinfra": (str(PROGRAMS / "pyinfra"), "inventory", "deploys/gateway.py", "-y"),
}
BOTH = {"cemops": ("--limit", "gw1,gw2"), "pyinfra": ("--limit", "gw1", "--limit", "gw2")}
NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
ASKED = {
    ("cemops", signal.SIGINT): 130,
    ("cemops", signal.SIGTERM): 130,
    ("pyinfra", signal.SIGINT): 1,
}
"""Exit codes after one signal."""
INSISTED = {
    ("cemops", signal.SIGTERM): 130,
    ("pyinfra", signal.SIGINT): 128 + signal.SIGINT,
    ("pyinfra", signal.SIGTERM): 128 + signal.SIGTERM,
}
"""Exit codes after two."""


def last_apply(bench: Bench) -> dict[str, Any]:
    said = bench.cemops("history", "--format", "json", "--limit", "1", "--verify")
    assert said.code == 0, said.everything
    apply: dict[str, Any] = said.json["applies"][0]
    return apply


def results(apply: dict[str, Any]) -> set[tuple[str, str]]:
    return {(change["host"], change["result"]) for change in apply["changes"]}


@contextmanager
def applying(bench: Bench, command: str, *limit: str) -> Iterator[subprocess.Popen[str]]:
    """An apply that has begun: its record is there, and it is at work on gw1, the first of those that it is for."""
    store = store_at(f"sqlite:///{bench.lab.folder}/.cemops/state.db")
    store.estate = "lab"
    with subprocess.Popen(
        (*COMMANDS[command], *(limit or ("--limit", "gw1"))),
        cwd=Path(__file__).parents[3],
        env=bench.lab.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def has_begun() -> bool:
            lock = store.current_lock()
            return lock is not None and lock.apply is not None

        try:
            assert wait_until(has_begun, seconds=90)
            yield process
        finally:
            process.kill()
            bench.killed = process.wait() < 0  # the next test's apply removes its lock first


def heard_until(process: subprocess.Popen[str], sentence: str) -> str:
    """What the process says, up to a sentence."""
    heard = ""
    assert process.stdout is not None
    for line in process.stdout:
        heard += line
        if sentence in line:
            return heard
    raise AssertionError(heard)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_apply_is_recorded_with_each_change(bench: Bench, command: str) -> None:
    bench.list_new_name("gw1")
    with applying(bench, command) as process:
        out, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 0, out
    apply = last_apply(bench)
    assert (apply["result"], apply["command"].split()[0]) == ("applied", command)
    assert results(apply) == {("gw1", "applied")}
    assert "gw1:file:httpd.conf" in {change["id"] for change in apply["changes"]}
    assert all(change["seconds"] > 0 for change in apply["changes"])
    assert (apply["plan"] is None) == (command == "pyinfra")


def test_a_host_that_fails_is_recorded_with_its_error(bench: Bench) -> None:
    bench.list_new_name("gw1")
    assert bench.apply("--limit", "gw1", fault={"blind": 2}).code == 1
    apply = last_apply(bench)
    assert apply["result"] == "failed"
    assert results(apply) == {("gw1", "failed")}
    assert all(change["error"] for change in apply["changes"])


@pytest.mark.parametrize(("command", "number"), ASKED)
def test_an_apply_that_is_asked_to_stop_finishes_its_machine_and_leaves_the_rest_alone(
    bench: Bench, command: str, number: signal.Signals
) -> None:
    bench.list_new_name("gw1", "gw2")
    other = bench.live("gw2")
    with applying(bench, command, *BOTH[command]) as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == ASKED[command, number], out
    assert "the machine at work is finished first" in out
    assert f"left alone: interrupted by {NAMES[number]}" in out
    apply = last_apply(bench)
    assert apply["result"] == "interrupted", apply
    assert results(apply) == {("gw1", "applied")}
    assert bench.live("gw2") == other
    assert bench.plan("--limit", "gw1").code == 0
    if command == "cemops":
        assert "cemops apply --limit gw2" in out
        assert out.endswith("each machine of the plan is done or was not begun\n")
    assert bench.apply("--limit", "gw2").code == 0


@pytest.mark.parametrize(("command", "number"), INSISTED)
def test_an_apply_that_is_asked_twice_ends_at_once_with_its_record_finished_and_the_lock_released(
    bench: Bench, command: str, number: signal.Signals
) -> None:
    bench.list_new_name("gw1")
    with applying(bench, command) as process:
        process.send_signal(number)
        heard = heard_until(process, "Once more stops it at once")
        process.send_signal(number)
        out, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == INSISTED[command, number], heard + out
    assert "Traceback" not in out
    apply = last_apply(bench)
    assert apply["result"] == "interrupted", apply
    assert results(apply) <= {("gw1", "interrupted")}
    assert bench.apply("--limit", "gw1").code == 0


@contextmanager
def asked(bench: Bench) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An apply that has shown its plan and asks; with the keyboard that it listens to."""
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cemops", "apply", "--limit", "gw1"],
        cwd=Path(__file__).parents[3],
        env=bench.lab.environment,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    ) as process:
        try:
            assert process.stdout is not None
            heard = ""
            while "Apply these changes?" not in heard:
                character = process.stdout.read(1)
                assert character, heard
                heard += character
            yield process, keyboard
        finally:
            process.kill()
            os.close(keyboard)
            os.close(terminal)


def test_an_operator_who_interrupts_the_question_changes_nothing_and_leaves_no_lock(bench: Bench) -> None:
    bench.list_new_name("gw1")
    live = bench.live("gw1")
    with asked(bench) as (process, _):
        process.send_signal(signal.SIGINT)
        heard, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 130, heard
    assert "interrupted" in heard
    assert bench.live("gw1") == live
    assert bench.apply("--limit", "gw1").code == 0


def test_what_moved_while_the_operator_read_the_plan_is_not_overwritten(bench: Bench) -> None:
    bench.list_new_name("gw1")
    live = bench.live("gw1")
    with asked(bench) as (process, keyboard):
        configuration = bench.release("gw1") / "httpd.conf"
        configuration.chmod(0o644)
        configuration.write_text(configuration.read_text("utf-8") + "# by hand\n", "utf-8")
        os.write(keyboard, b"y\n")
        heard, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 3, heard
    assert "this is not what was shown; run apply again" in heard
    assert bench.live("gw1") == live
    assert configuration.read_text("utf-8").endswith("# by hand\n")
    assert bench.apply("--limit", "gw1").code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_apply_leaves_a_lock_that_says_so(bench: Bench, command: str) -> None:
    bench.list_new_name("gw1")
    with applying(bench, command) as process:
        process.kill()
    bench.killed = False  # the lock is what this is about
    assert last_apply(bench)["result"] == "interrupted"
    refused = bench.apply("--limit", "gw1")
    assert refused.code == 3, refused.everything
    assert "That process is gone: see what it left with `cemops history`, then run `cemops unlock`" in refused.err
    stock = bench.pyinfra("-y", "--limit", "gw1")
    assert stock.code != 0
    assert "cemops unlock" in " ".join((stock.out + stock.err).split())
    unlocked = bench.cemops("unlock", "--yes")
    assert unlocked.code == 0, unlocked.everything
    assert "is recorded as interrupted" in unlocked.out
    assert bench.apply("--limit", "gw1").code == 0
    assert last_apply(bench)["result"] == "applied"


def test_stock_pyinfra_changes_nothing_without_its_record(bench: Bench) -> None:
    bench.list_new_name("gw1")
    file = bench.lab.folder / "nothing"
    file.write_text("no database", "ascii")
    bench.edit(lambda document: document.update(change={"store": "env:LAB_STORE"}))
    live = bench.live("gw1")
    bench.environment["LAB_STORE"] = f"sqlite:///{file}"
    try:
        dry = bench.plan("--limit", "gw1")
        assert dry.code == 2, dry.everything
        done = subprocess.run(
            COMMANDS["pyinfra"],
            cwd=Path(__file__).parents[3],
            env={**bench.lab.environment, **bench.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    finally:
        del bench.environment["LAB_STORE"]
    assert done.returncode != 0
    assert "is no SQLite file: put its backup back" in " ".join((done.stdout + done.stderr).split())
    assert bench.live("gw1") == live
