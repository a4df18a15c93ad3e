"""No secret of a WinRM logon, and nothing of what is sent to a Windows host, shows in any output, however loud.

The stock pyinfra command works on the lab's endpoint with canaries for secrets, right and wrong, on good days and bad ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cemops.lab.windows.command_line import CommandLine, CommandResult
from tests.functional.winrm.winrm_bench import ADDRESS, Endpoint, endpoint, make_pair
from tests.security.test_canary import found_in, needles_of, watching

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PYINFRA = str(Path(sys.executable).parent / "pyinfra")
PASSWORD = 'canary/winrm "password" +&31f8'
WRONG = "canary\\wrong<winrm>'password7a04"
PASSPHRASE = "canary=passphrase%winrm;5d2c"
SENT = "canary-sent-on-stdin-90be41"
SECRETS = {"password": PASSWORD, "wrong password": WRONG, "passphrase": PASSPHRASE, "input of a command": SENT}
LOUDEST = ("-vvv", "--debug-all")
LOUD = (LOUDEST, ("-vvv", "--debug"), ("--dry", "--diff", "-vvv", "--debug"), ("--debug-operations",))
DEPLOY = f"""
from pyinfra import host
from pyinfra.operations import python, server

from cemops.execution.powershell import run_payload


def work():
    run_payload(host, b"{SENT}", 30)


server.shell(name="A command", commands=["Get-Date"])
python.call(name="The payload", function=work)
"""


@dataclass
class Day:
    """What was said, by what was run; and the command lines of all processes meanwhile."""

    said: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set, repr=False)


def _fail(_line: CommandLine, _stdin: bytes) -> CommandResult:
    return CommandResult(b"", b"it failed\n", 1)


def _work(
    day: Day, folder: Path, title: str, data: dict[str, Any], ways: tuple[tuple[str, ...], ...] = (LOUDEST,)
) -> None:
    """Run the deploy on one host in every way."""
    (folder / "hosts.py").write_text(f"hosts = [('@winrm/ns1', {data!r})]\n", "utf-8")
    for way in ways:
        words = [PYINFRA, str(folder / "hosts.py"), str(folder / "deploy.py"), *way]
        words += ["-y"] if "--dry" not in way else []
        _run(day, f"{title}: {' '.join(way)}", words)


def _run(day: Day, title: str, words: list[str]) -> None:
    done = subprocess.run(
        words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    day.said[title] = done.stdout + done.stderr
    day.codes[title] = done.returncode


def _secret(folder: Path, name: str, value: str) -> str:
    file = folder / name
    file.write_text(value, "utf-8")
    file.chmod(0o600)
    return f"file:{file}"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("canary")
    (folder / "deploy.py").write_text(DEPLOY, "utf-8")
    pair = make_pair(folder, "ns1")
    client = make_pair(folder, "client", passphrase=PASSPHRASE)
    right, wrong = _secret(folder, "right", PASSWORD), _secret(folder, "wrong", WRONG)
    passphrase = _secret(folder, "passphrase", PASSPHRASE)

    def data(running: Endpoint, **changes: Any) -> dict[str, Any]:
        return running.data(folder) | {"cemops_password": right} | changes

    day = Day()
    with watching(day.seen):
        with endpoint(pair, password=PASSWORD) as running:
            for authentication in ("ntlm", "basic"):
                logon = {"cemops_authentication": authentication}
                _work(day, folder, f"{authentication}, good", data(running, **logon), LOUD)
                _work(day, folder, f"{authentication}, refused", data(running, cemops_password=wrong, **logon))
            _run(day, "inventory", [PYINFRA, str(folder / "hosts.py"), "debug-inventory"])
            _work(day, folder, "pinned to another", data(running, cemops_thumbprint="A" * 40))
            running.behave(hang_up_on=frozenset({"Receive"}))
            _work(day, folder, "cut", data(running))
            certificate = {
                "cemops_authentication": "certificate",
                "cemops_client_certificate": str(client.certificate),
                "cemops_private_key_file": str(client.key),
            }
            for key, opens in ((passphrase, "opens"), (wrong, "closed")):
                _work(
                    day,
                    folder,
                    f"certificate, {opens}",
                    data(running, cemops_private_key_passphrase=key, **certificate),
                )
        with endpoint(pair, _fail, password=PASSWORD) as running:
            _work(day, folder, "failing", data(running))
        with endpoint(None, password=PASSWORD) as running:
            _work(day, folder, "without TLS", data(running))
    return day


def test_the_commands_did_what_they_are_for(day: Day) -> None:
    loudest = " ".join(LOUDEST)
    good = [title for title in day.codes if "good" in title or "without TLS" in title or title == "inventory"]
    assert len(good) == 2 * len(LOUD) + 2
    assert {title: day.said[title] for title in good if day.codes[title] != 0} == {}
    assert "urllib3" in day.said[f"ntlm, good: {loudest}"]  # other libraries were loud, too
    for title, said in {
        "ntlm, refused": "refuses the logon of cemops by ntlm",
        "basic, refused": "refuses the logon of cemops by basic",
        "pinned to another": "presents a certificate with the thumbprint",
        "cut": "has cut the connection",
        "certificate, opens": "takes no logon by this client certificate",
        "certificate, closed": "private_key_passphrase must fit the key",
        "failing": "it failed",
    }.items():
        assert day.codes[f"{title}: {loudest}"] == 1, title
        assert said in day.said[f"{title}: {loudest}"], day.said[f"{title}: {loudest}"]


def test_no_command_says_a_secret(day: Day) -> None:
    needles = needles_of(SECRETS)
    assert {title: found for title, text in day.said.items() if (found := found_in(text, needles))} == {}


def test_no_process_has_a_secret_in_its_command_line(day: Day) -> None:
    needles = needles_of(SECRETS)
    lines = [line.decode("utf-8", "replace") for line in day.seen]
    assert any("deploy.py" in line for line in lines)
    assert [line for line in lines if found_in(line, needles)] == []


def test_no_failure_of_one_host_ends_in_a_traceback_of_the_connector(day: Day) -> None:
    assert [title for title, text in day.said.items() if "winrm_endpoint.py" in text] == []
    assert ADDRESS in json.dumps(day.said)
