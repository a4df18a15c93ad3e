"""No secret is in a command line, in what is said, or in pyinfra's most talkative output."""

from __future__ import annotations

import os
import shutil
import threading

import pytest

from tests.functional.transaction.bench import Bench, command_lines
from tests.functional.transaction.faults import kill_tree

pytestmark = pytest.mark.slow


def secrets_of(bench: Bench) -> list[bytes]:
    """The passphrase of the pki folder, and lines out of the middle of the keys that travel or open doors."""
    passphrase = (bench.lab.folder / "secrets" / "pki-passphrase").read_bytes().strip()
    keys = [bench.lab.folder / "secrets" / "id_ed25519", *(bench.root("gw1") / "tls").glob("*.key")]
    lines = [key.read_bytes().splitlines()[1] for key in keys]
    assert len(lines) >= 2
    assert all(len(line) > 40 for line in lines)
    return [passphrase, *(line[:40] for line in lines)]


def sampled(seen: set[bytes], over: threading.Event) -> None:
    while not over.wait(0.02):
        for pid, line in command_lines():
            if pid != os.getpid():
                seen.add(line)


def test_no_secret_is_in_a_command_line_or_in_the_output(bench: Bench) -> None:
    secrets = secrets_of(bench)
    seen: set[bytes] = set()
    over = threading.Event()
    sampler = threading.Thread(target=sampled, args=(seen, over))
    kill_tree(bench.main_pid("gw1"))
    shutil.rmtree(bench.root("gw1"))  # so that the key has to travel
    sampler.start()
    try:
        said = bench.cemops("apply", "--yes", "--limit", "gw1", "--debug")
    finally:
        over.set()
        sampler.join()
    assert said.code == 0, said.everything
    assert any(b"transaction.sh" in line or b"rehearsal" in line for line in seen), "nothing was seen of the apply"
    for secret in secrets:
        assert not [line for line in seen if secret in line]
        assert secret not in (said.out + said.err).encode()
    assert bench.serves("gw1")


def test_pyinfra_says_no_secret_however_much_it_says(bench: Bench) -> None:
    secrets = secrets_of(bench)
    bench.list_new_name("gw2")
    kill_tree(bench.main_pid("gw1"))
    shutil.rmtree(bench.root("gw1"))
    for options in (("--dry", "--diff", "-vvv", "--debug"), ("-y", "-vvv", "--debug")):
        said = bench.pyinfra(*options)
        assert said.code == 0, said.everything
        for secret in secrets:
            assert secret not in (said.out + said.err).encode()
    assert bench.serves("gw1")
