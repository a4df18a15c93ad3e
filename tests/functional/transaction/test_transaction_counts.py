"""Nothing to do: one remote command a host, counted by what each host's sshd starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.functional.transaction.bench import Bench, Said

pytestmark = pytest.mark.slow


@contextmanager
def counted(bench: Bench, gateway: str) -> Iterator[Callable[[], int]]:
    """Have the gateway's sshd write a line for each command that it is asked to run."""
    folder = bench.root(gateway).parent / "sshd"
    keys, record = folder / "authorized_keys", folder / "commands"
    script = folder / "count"
    script.write_text(f'#!/bin/sh\necho command >>{record}\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n', "utf-8")
    script.chmod(0o755)
    original = keys.read_text("utf-8")
    keys.write_text(f'command="{script}" {original}', "utf-8")
    record.write_text("", "utf-8")
    try:
        yield lambda: len(record.read_text("utf-8").splitlines())
    finally:
        keys.write_text(original, "utf-8")


COMMANDS: tuple[tuple[str, Callable[[Bench], Said]], ...] = (
    ("cemops plan", lambda bench: bench.plan()),
    ("cemops apply --yes", lambda bench: bench.apply()),
    ("pyinfra --dry", lambda bench: bench.pyinfra("--dry")),
    ("pyinfra --dry --diff", lambda bench: bench.pyinfra("--dry", "--diff")),
    ("pyinfra -y", lambda bench: bench.pyinfra("-y")),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_one_remote_command_a_host_when_nothing_changes(
    bench: Bench, command: tuple[str, Callable[[Bench], Said]]
) -> None:
    with counted(bench, "gw1") as first, counted(bench, "gw2") as second:
        said = command[1](bench)
        assert said.code == 0, said.everything
        assert (first(), second()) == (1, 1)


def test_the_plan_says_how_many_remote_commands_it_took(bench: Bench) -> None:
    planned = bench.plan("--format", "json", "--limit", "gateways")
    assert planned.code == 0, planned.everything
    assert [host["round_trips"] for host in planned.json["hosts"]] == [1, 1]
    assert [host["changes"] for host in planned.json["hosts"]] == [[], []]


def test_an_apply_takes_ten_remote_commands(bench: Bench) -> None:
    bench.list_new_name("gw1")
    with counted(bench, "gw1") as commands:
        assert bench.apply("--limit", "gw1").code == 0
        # observe; lock and observe; back up, stage, rehearse, switch, hold, look for refused handshakes, confirm; unlock
        assert commands() <= 10


def test_stock_pyinfra_applies_in_the_order_of_the_estate(bench: Bench) -> None:
    new = bench.list_new_name("gw1", "gw2")
    dry = bench.pyinfra("--dry", "--diff")
    assert dry.code == 0, dry.everything
    assert f'+    <ProxyMatch "(?i)^{new.replace(".", "[.]")}$">' in dry.out + dry.err
    assert not bench.opens("gw1", new)
    said = bench.pyinfra("-y")
    assert said.code == 0, said.everything
    assert bench.opens("gw1", new)
    assert bench.opens("gw2", new)
    text = said.out + said.err
    assert text.index("[gw1] check from outside, confirm") < text.index("[gw2] dial from outside")
    assert bench.plan().code == 0


def test_a_gateway_keeps_its_secrets_to_its_owner(bench: Bench) -> None:
    root = bench.root("gw1")
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o002 == 0, path
    keys = list(root.rglob("*.key"))
    assert keys
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o400}
    main = bench.main_pid("gw1")
    workers = Path(f"/proc/{main}/task/{main}/children").read_text("ascii").split()
    account = bench.context().estate.gateways[0].service.account
    assert account is not None
    assert workers
    assert {Path(f"/proc/{worker}").stat().st_uid for worker in workers} == {uid_of(account)}


def uid_of(account: str) -> int:
    for line in Path("/etc/passwd").read_text("utf-8").splitlines():
        name, _, uid, *_ = line.split(":")
        if name == account:
            return int(uid)
    raise AssertionError(f"there is no account {account}")
