"""Files to and from a Windows host: a program of a few lines on either side of one pipe, each checked by SHA-256.

Paths travel as JSON on standard input, never in a command line: pyinfra's quoting is a POSIX shell's.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from cemops.execution.finished_program import FinishedProgram, powershell_line


@cache
def put_line() -> str:
    """Return the command line of the program that writes a file."""
    return powershell_line(_program("put_file.ps1"))


@cache
def get_line() -> str:
    """Return the command line of the program that reads a file."""
    return powershell_line(_program("get_file.ps1"))


def _program(name: str) -> str:
    return files("cemops").joinpath("payload", name).read_text("utf-8")


def put_input(path: str, content: bytes) -> bytes:
    """Return what the program that writes a file reads."""
    head = json.dumps({"path": path, "sha256": hashlib.sha256(content).hexdigest()})
    return head.encode() + b"\n" + content


def get_input(path: str) -> bytes:
    """Return what the program that reads a file reads."""
    return json.dumps({"path": path}).encode()


def check_put(finished: FinishedProgram, path: str, content: bytes) -> None:
    """Raise OSError where the file does not hold the content now."""
    _, reply = _parted(finished, path)
    if reply.get("sha256") != hashlib.sha256(content).hexdigest():
        raise OSError(f"{path} holds something else than was written: something else writes there, too")


def fetched(finished: FinishedProgram, path: str) -> bytes:
    """Return the content that was read. Raises OSError where it could not be, or did not arrive as it was."""
    before, reply = _parted(finished, path)
    size = reply.get("size")
    content = before[-size:] if isinstance(size, int) and size > 0 else b""
    if hashlib.sha256(content).hexdigest() != reply.get("sha256"):
        raise OSError(f"{path} did not arrive as it was read: try again")
    return content


def _parted(finished: FinishedProgram, path: str) -> tuple[bytes, dict[str, Any]]:
    """Return what stands before the reply, and the reply. Raises OSError where it says an error, or there is none."""
    before, _, last = finished.stdout.removesuffix(b"\n").rpartition(b"\n")
    try:
        reply = json.loads(last)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        said = finished.complaint or f"exit code {finished.exit_code}"
        raise OSError(f"{path}: PowerShell gave no answer ({said}): check that powershell.exe runs there")
    if reply.get("ok") is not True:
        raise OSError(f"{path}: {reply.get('error')}")
    return before, reply
