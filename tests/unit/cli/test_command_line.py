"""The command line as a whole: exit codes, what goes where, and that no error ever shows a secret."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, SecretStr

from cemops import __version__
from cemops.cli.tracebacks import traceback_text
from cemops.errors import CemopsError
from tests.functional.transaction.bench import Said, operator_running
from tests.unit.sample_estate import sample_data

CANARY = "hunter2-canary"
COMMANDS = (
    "init",
    "validate",
    "schema",
    "plan",
    "apply",
    "drift",
    "history",
    "unlock",
    "observe",
    "probe",
    "gateway",
    "lab",
)
GROUPS = {"gateway", "lab"}
LAB_COMMANDS = ("up", "run", "status", "down")
EXAMPLE = "tests/cases/estate-example.yaml"


Command = Callable[..., Said]


@pytest.fixture(scope="module")
def cemops() -> Iterator[Command]:
    """Run one command line in a process of its own: a fork of one that has imported cemops already."""
    with tempfile.TemporaryDirectory() as folder, operator_running(Path(folder)) as operator:
        yield lambda *arguments: operator.run(arguments, {"HOME": "/nonexistent"}, None)


def sample_file(folder: Path, changes: dict[str, Any] | None = None) -> str:
    path = folder / "estate.yaml"
    path.write_text(yaml.safe_dump(sample_data(changes)), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--unknown"),
        ("unknown",),
        ("lab", "unknown"),
        ("plan", "extra"),
        ("plan", "--format", "xml"),
        ("validate", "--format", "xml"),
        ("probe", "--format", "sarif"),
        ("schema", "history"),
        ("plan", "--now", "yesterday", "--estate", EXAMPLE),
        ("plan", "--now", "0001-01-01T00:00:00+14:00", "--estate", EXAMPLE),
        ("plan", "--now", "9999-12-31T23:00:00-14:00", "--estate", EXAMPLE),
        ("validate", "--now", "", "--estate", EXAMPLE),
        ("plan", "--limit", "nobody", "--estate", EXAMPLE),
        ("plan", "--limit", "", "--estate", EXAMPLE),
        ("plan", "--limit", " , ", "--estate", EXAMPLE),
        ("plan", "--limit"),
        ("observe", "--limit", "nobody", "--out", "/nonexistent/x", "--estate", EXAMPLE),
        ("observe", "--estate", EXAMPLE),
        ("probe", "--gateway", "nobody", "--estate", EXAMPLE),
        ("probe", "--timeout", "0", "--estate", EXAMPLE),
        ("apply", "--accept-lockout", "0", "--estate", EXAMPLE),
        ("apply", "--accept-lockout", "many", "--estate", EXAMPLE),
        ("--estate", EXAMPLE, "plan"),
        ("lab",),
        (),
    ],
)
def test_wrong_usage_is_64_and_nothing_is_on_stdout(cemops: Command, arguments: tuple[str, ...]) -> None:
    done = cemops(*arguments)
    assert done.code == 64, done.err
    assert done.out == ""
    assert done.err.strip()
    assert "Traceback" not in done.err


def test_apply_without_yes_and_without_a_terminal_is_wrong_usage(cemops: Command, tmp_path: Path) -> None:
    done = cemops("apply", "--estate", sample_file(tmp_path))
    assert (done.code, done.out) == (64, "")
    assert "run it with --yes" in done.err


@pytest.mark.parametrize("command", [(), *((one,) for one in COMMANDS), *(("lab", one) for one in LAB_COMMANDS)])
def test_help_says_what_there_is_and_marks_nothing_as_missing(cemops: Command, command: tuple[str, ...]) -> None:
    done = cemops(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert not re.search(r"not (yet )?(implemented|supported|available)|coming soon|TODO|stub", done.out, re.IGNORECASE)


def test_help_lists_the_commands_that_exist_and_no_other(cemops: Command) -> None:
    def listed(text: str) -> tuple[str, ...]:
        return tuple(re.findall(r"^  ([a-z]+) {2,}\S", text.partition("Commands:")[2], re.MULTILINE))

    assert listed(cemops("--help").out) == COMMANDS
    assert listed(cemops("lab", "--help").out) == LAB_COMMANDS


def test_every_option_has_a_help_text(cemops: Command) -> None:
    for command in (one for one in COMMANDS if one not in GROUPS):
        text = cemops(command, "--help").out
        options = text.partition("Options:")[2]
        blocks = re.split(r"\n(?=  -)", options)[1:]
        assert blocks
        assert all(re.search(r"\s{2,}[A-Z\[]\w*", block.partition("--")[2]) for block in blocks), text


def test_version_is_the_packages(cemops: Command) -> None:
    done = cemops("--version")
    assert (done.code, done.out, done.err) == (0, f"cemops {__version__}\n", "")


def test_an_error_is_one_sentence_and_debug_adds_the_traceback_wherever_it_stands(cemops: Command) -> None:
    plain = cemops("plan", "--estate", "nowhere.yaml")
    assert (plain.code, plain.out) == (1, "")
    assert len(plain.err.strip().splitlines()) == 1
    for arguments in (("--debug", "plan"), ("plan", "--debug")):
        debugged = cemops(*arguments, "--estate", "nowhere.yaml")
        assert debugged.code == 1
        assert debugged.err.startswith(plain.err)
        assert "Traceback (most recent call last):" in debugged.err
        assert "cemops.errors.EstateError: nowhere.yaml: there is no such estate file" in debugged.err


def test_json_stands_alone_on_stdout_while_stderr_talks(cemops: Command, tmp_path: Path) -> None:
    unreachable: dict[str, Any] = {f"gateways.{n}.connection.port": 1 for n in (0, 1)}
    unreachable |= {f"gateways.{n}.connection.address": f"127.0.0.{n + 1}" for n in (0, 1)}
    done = cemops("plan", "--format", "json", "--detailed-exitcode", "--estate", sample_file(tmp_path, unreachable))
    document = json.loads(done.out)
    assert {host["host"]: host["status"] for host in document["hosts"]} == {"gw1": "unreachable", "gw2": "unreachable"}
    assert "Observing (2 hosts)" in done.err
    assert "Traceback" not in done.err
    assert done.code == 1  # 1 wins over 2


@pytest.mark.parametrize(
    "changes",
    [
        {"pki": {"folder": "pki", "passphrase": CANARY}},
        {"credentials.gw-root": {"username": "root", "password": CANARY}},
        {"credentials.gw-root": {"username": "root", "passwort": CANARY}},
        {"credentials.gw-root": {"username": ["root", CANARY]}},
        {"authorities.dmz-ca.passphrase": [CANARY]},
        {"notification_servers.0.probe_certificate": {"pfx": "a.pfx", "password": {"value": CANARY}}},
        {"gateways.0.certificate": {"pfx": "a.pfx", "password": f"plain:{CANARY}"}},
    ],
)
@pytest.mark.parametrize(
    "command", [("validate",), ("plan",), ("apply", "--yes"), ("observe", "--show-identity"), ("probe",)]
)
def test_a_password_pasted_into_the_estate_is_never_shown(
    cemops: Command, tmp_path: Path, changes: dict[str, Any], command: tuple[str, ...]
) -> None:
    done = cemops(*command, "--debug", "--estate", sample_file(tmp_path, changes))
    assert done.code == 1
    assert CANARY not in done.out + done.err


def test_a_password_in_a_file_that_is_no_yaml_is_never_shown(cemops: Command, tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_text(f'cemops: 1\ncredentials: {{gw: {{username: root, password: "{CANARY}}}\n', "utf-8")
    done = cemops("plan", "--debug", "--estate", str(file))
    assert done.code == 1
    assert CANARY not in done.out + done.err


# --- tracebacks -------------------------------------------------------------------------------------------------


class _Refusing(BaseModel):
    port: int


def _translate(*, hidden: bool) -> None:
    try:
        _Refusing(port=CANARY)
    except ValueError as error:
        if hidden:
            raise CemopsError("the port is no number: write one") from None
        raise CemopsError("the port is no number: write one") from error


@pytest.mark.parametrize("hidden", [True, False])
def test_a_traceback_shows_our_sentence_and_no_refused_value(hidden: bool) -> None:
    with pytest.raises(CemopsError) as caught:
        _translate(hidden=hidden)
    text = traceback_text(caught.value)
    assert "CemopsError: the port is no number: write one" in text
    assert CANARY not in text
    assert ("ValidationError" in text) is not hidden


def test_a_traceback_of_an_unexpected_error_shows_its_class_and_places_and_no_value() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError(f"cannot use {SecretStr(CANARY).get_secret_value()}")
    text = traceback_text(caught.value)
    assert "RuntimeError" in text
    assert "test_command_line.py" in text
    assert CANARY not in text


def test_a_traceback_of_errors_in_a_circle_ends() -> None:
    one, other = CemopsError("one"), CemopsError("other")
    one.__cause__, other.__cause__ = other, one
    assert traceback_text(one).count("CemopsError: one") >= 1
