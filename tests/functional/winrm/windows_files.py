"""What put_file.ps1 and get_file.ps1 do, played on a folder of this machine; where PWSH names a PowerShell, it runs them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from cemops.lab.windows.command_line import CommandHandler, CommandLine, CommandResult

PROGRAMS = Path(__file__).parents[3] / "cemops" / "payload"
ENGINES = ("played", *(("real",) if os.environ.get("PWSH") else ()))


def handler(engine: str) -> CommandHandler:
    return {"played": played, "real": real}[engine]


def script_of(line: CommandLine) -> str:
    """The script that a command line carries."""
    words = line.text.split()
    assert words[:4] == ["powershell.exe", "-NoProfile", "-NonInteractive", "-EncodedCommand"]
    return base64.b64decode(words[4]).decode("utf-16-le")


def real(line: CommandLine, stdin: bytes) -> CommandResult:
    words = [os.environ["PWSH"], *line.text.split()[1:]]
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=60, check=False)
    return CommandResult(done.stdout, done.stderr, done.returncode)


def played(line: CommandLine, stdin: bytes) -> CommandResult:
    play = {(PROGRAMS / "put_file.ps1").read_text(): _put, (PROGRAMS / "get_file.ps1").read_text(): _get}
    before = b""
    reply: dict[str, Any] = {"ok": True}
    try:
        before, found = play[script_of(line)](stdin)
        reply |= found
    except (OSError, ValueError) as error:
        reply = {"ok": False, "error": str(error)}
    return CommandResult(before + b"\n" + json.dumps(reply).encode() + b"\n")


def _put(stdin: bytes) -> tuple[bytes, dict[str, Any]]:
    head, _, content = stdin.partition(b"\n")
    request = json.loads(head)
    if hashlib.sha256(content).hexdigest() != request["sha256"]:
        raise ValueError("stdin is not whole")
    path = Path(request["path"])
    path.write_bytes(content)
    return b"", {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _get(stdin: bytes) -> tuple[bytes, dict[str, Any]]:
    content = Path(json.loads(stdin)["path"]).read_bytes()
    return content, {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
