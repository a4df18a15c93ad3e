"""A gateway burns down: its httpd is killed, and nothing of its folder is left."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.functional.transaction.bench import Bench, command_lines, wait_until
from tests.functional.transaction.faults import kill_tree

NS1 = "ns1.corp.lab.example:4726"


def burn(bench: Bench, gateway: str, root: Path | None = None) -> None:
    """End the gateway's httpd and remove its folder."""
    root = root or bench.root(gateway)
    kill_tree(int((root / "run" / "httpd.pid").read_text("ascii")))
    mark = f"{root}/current/httpd.conf".encode()
    assert wait_until(lambda: not any(mark in line for _, line in command_lines())), "httpd does not end"
    shutil.rmtree(root)


def backups(bench: Bench, gateway: str) -> list[Path]:
    """The gateway's backups, the oldest first."""
    return sorted((bench.lab.folder / ".cemops" / "backups" / gateway).glob("*.backup"))


def sentences(text: str) -> list[str]:
    """What cemops says went wrong."""
    return [line for line in text.splitlines() if line.startswith("cemops: ")]
