"""Broken pipes: who reads no further ends the command without a word; a connection that a host cuts ends nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

SECONDS = 30.0


def begin(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cemops", *words],
        cwd=folder,
        env={**os.environ, "CEMOPS_ESTATE": str(folder / "estate.yaml")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ignores_broken_pipes(pid: int) -> bool:
    """Tell whether a write into a broken pipe is an error in that process, and not its end."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    (mask,) = [line.split()[1] for line in lines if line.startswith("SigIgn:")]
    return bool(int(mask, 16) & 1 << (signal.SIGPIPE - 1))


def test_who_reads_no_further_ends_the_command_without_a_word(tmp_path: Path) -> None:
    command = begin(tmp_path, "schema")
    assert command.stdout is not None
    assert command.stderr is not None
    assert command.stdout.read(1) == b"{"
    command.stdout.close()

    assert command.stderr.read() == b""
    assert command.wait(SECONDS) in {0, 1}  # whether the rest still went into the pipe is a matter of timing


def test_a_connection_that_a_host_cuts_cannot_end_the_command(tmp_path: Path) -> None:
    """OpenSSL writes without MSG_NOSIGNAL: with SIGPIPE's own default, a dead host ended an apply for all hosts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        estate = {
            "cemops": 1,
            "estate": "pipes",
            "credentials": {"win": {"username": "cemops", "password": "file:password"}},
            "authorities": {"root": {"kind": "ns-root", "source": "vendor"}},
            "notification_servers": [
                {
                    "name": "ns1",
                    "fqdn": "ns1.corp.example",
                    "root_authority": "root",
                    "connection": {
                        "transport": "winrm",
                        "address": "127.0.0.1",
                        "port": listening.getsockname()[1],
                        "credential": "win",
                        "server_certificate": {"thumbprint": "A" * 64},
                    },
                }
            ],
        }
        (tmp_path / "estate.yaml").write_text(yaml.safe_dump(estate), "utf-8")
        (tmp_path / "password").write_text("a password\n", "utf-8")
        (tmp_path / "password").chmod(0o600)
        command = begin(tmp_path, "plan")
        listening.settimeout(SECONDS)
        connection, _ = listening.accept()
        with connection:
            ignored = ignores_broken_pipes(command.pid)
    stdout, stderr = command.communicate(timeout=SECONDS)
    assert ignored, stdout + stderr
    assert command.returncode == 1, stdout + stderr
