"""What is sent to a Windows machine and what comes back: the frame of docs/windows-payload.md.

The payload's text is the same in every run; a request never becomes part of a program's text. Standard library only.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

from cemops.errors import CemopsError

FOLDER = Path(__file__).parent
COMMAND_LINE_LIMIT = 8191
"""A longer command line fails on Windows without a word."""
STATE_LIMIT = 64 * 2**20
"""Bytes of a state after unpacking: more is no state of a machine that cemops knows."""

# On PowerShell 7 texts of these forms become dates while the request is read, and would be refused there as "no text".
_READ_AS_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}|/Date\(")
_DEAD_MAN_REQUEST = re.compile(r"^\$request = ConvertFrom-Json \(Expand-Text '([A-Za-z0-9+/=]+)'\)$", re.MULTILINE)


class PayloadError(CemopsError):
    """The payload failed on the machine, or what came back is no reply of it.

    ``type`` is the .NET type of the error, ``hresult`` its number as ``0x…`` where Windows gave one, ``stack`` where in
    the payload it arose; all empty where there was no reply.
    """

    def __init__(self, message: str, *, type: str = "", hresult: str = "", stack: str = "") -> None:  # noqa: A002 - the field's name on the wire
        super().__init__(message)
        self.type = type
        self.hresult = hresult
        self.stack = stack


def read_script(name: str) -> str:
    """Return the text of one of the PowerShell files."""
    return (FOLDER / name).read_text(encoding="utf-8")


def join_payload(leaves: str, call: str = "return Invoke-Request $request\n") -> str:
    """Return a payload over these leaves: the real ones, or the fake ones of the tests."""
    parts = ("actions.ps1", "actions_web.ps1", "core.ps1")
    return "param($request)\n" + leaves + "".join(map(read_script, parts)) + call


LEAVES = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("leaves*.ps1")))
"""Every Windows call of the payload."""
PAYLOAD = join_payload(LEAVES)
"""The program, as sent on standard input."""
BOOTSTRAP_ARGUMENTS = (
    "-NoProfile",
    "-NonInteractive",
    "-EncodedCommand",
    base64.b64encode(read_script("bootstrap.ps1").encode("utf-16-le")).decode("ascii"),
)
BOOTSTRAP_COMMAND = " ".join(("powershell.exe", *BOOTSTRAP_ARGUMENTS))
"""The one command line that a Windows machine is asked to run."""


def framed(request: object, payload: str = PAYLOAD) -> bytes:
    """Return standard input for the bootstrap: digest, payload and request, a line each.

    Raises PayloadError, naming the field and never its value, for a text that PowerShell would read as a date.
    """
    _refuse_dates(request, "request")
    text = json.dumps(request, separators=(",", ":"), allow_nan=False)
    rest = base64.b64encode(payload.encode("utf-8")) + b"\n" + text.encode("ascii") + b"\n"
    return hashlib.sha256(rest).hexdigest().encode("ascii") + b"\n" + rest


def _refuse_dates(value: object, place: str) -> None:
    if isinstance(value, str) and _READ_AS_DATE.match(value):
        raise PayloadError(f"{place} looks like a date, which PowerShell would change on its way: write it otherwise")
    if isinstance(value, dict):
        for name, item in value.items():
            _refuse_dates(item, f"{place}.{name}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_dates(item, f"{place}[{index}]")


def reply_of(stdout: bytes, limit: int = STATE_LIMIT) -> Any:  # noqa: ANN401 - plain JSON data
    """Return the data of a reply: the last line of standard output, a packed state unpacked.

    Raises PayloadError with what the machine says, and for anything that is no reply.
    """
    line = stdout.rstrip(b"\r\n").rpartition(b"\n")[2]
    envelope = _parsed(line)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("ok"), bool):
        raise PayloadError(
            f"PowerShell gave no reply ({len(stdout)} bytes on its standard output): see that it starts on this machine"
        )
    if not envelope["ok"]:
        error = envelope.get("error")
        told = {str(name): str(value) for name, value in error.items()} if isinstance(error, dict) else {}
        raise PayloadError(
            told.get("message") or "the payload failed without saying why",
            type=told.get("type", ""),
            hresult=told.get("hresult", ""),
            stack=told.get("stack", ""),
        )
    data = envelope.get("data")
    if isinstance(data, dict) and set(data) == {"gzip"}:
        return _parsed(_unpacked(data["gzip"], limit), "the state in the reply is no JSON")
    return data


def _parsed(text: bytes, complaint: str = "") -> Any:  # noqa: ANN401 - plain JSON data
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        if complaint:
            raise PayloadError(complaint) from error
        return None


def _unpacked(text: object, limit: int) -> bytes:
    """Return what was packed, reading no more than ``limit`` bytes of it."""
    try:
        packed = base64.b64decode(str(text), validate=True)
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            content = stream.read(limit + 1)
    except (binascii.Error, OSError, EOFError, zlib.error) as error:
        raise PayloadError("the state in the reply is damaged") from error
    if len(content) > limit:
        raise PayloadError(f"the state in the reply is larger than {limit} bytes")
    return content


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


def dead_man_script(actions: list[dict[str, Any]], payload: str = PAYLOAD) -> str:
    """Return the script that restores by itself: the payload with its own request inside (``deadman.arm``).

    It runs its actions one by one, so that one that fails does not keep the others from restoring.
    """
    request = {"verb": "apply", "actions": actions}
    _refuse_dates(request, "request")
    bootstrap = read_script("bootstrap.ps1")
    start = bootstrap.index("function Format-Failure")
    failure = bootstrap[start : bootstrap.index("\n}\n", start) + 2]
    return (
        read_script("dead_man.ps1")
        .replace("#FORMAT_FAILURE#", failure)
        .replace("#PAYLOAD#", _packed(payload))
        .replace("#REQUEST#", _packed(json.dumps(request, separators=(",", ":"), allow_nan=False)))
    )


def dead_man_actions(script: str) -> list[dict[str, Any]]:
    """Return the actions inside a dead man's script. PayloadError where it is none of ours."""
    found = _DEAD_MAN_REQUEST.search(script.replace("\r\n", "\n"))
    if found is None:
        raise PayloadError("this is no dead man's script of cemops: it holds no request")
    request = _parsed(_unpacked(found[1], STATE_LIMIT), "the request in the dead man's script is no JSON")
    if not isinstance(request, dict) or not isinstance(request.get("actions"), list):
        raise PayloadError("the request in the dead man's script has no actions")
    return [dict(action) for action in request["actions"]]
