"""What a program on a Windows machine left, and the command line by which PowerShell is started there."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from cemops.errors import CemopsError

LONGEST_LINE = 8191
"""Characters of a command line in Windows' cmd.exe; what is longer fails without a word."""
_CLIXML = "#< CLIXML"
_ERRORS = "{http://schemas.microsoft.com/powershell/2004/04}S[@S='Error']"


@dataclass(frozen=True, repr=False)
class FinishedProgram:
    """A program that has ended. Its output is in no repr: it may hold anything."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """The last line of what it said on stderr, where that says an error."""
        lines = [line.strip() for line in error_text(self.stderr).splitlines() if line.strip()]
        return lines[-1] if lines else ""


def powershell_line(script: str) -> str:
    """Return the command line that runs a script of PowerShell.

    Raises CemopsError where it is longer than Windows takes: such a line runs nothing and says nothing.
    """
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    return checked_line(f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {encoded}")


def checked_line(line: str) -> str:
    """Return a command line as it is. Raises CemopsError where it is longer than Windows takes."""
    if len(line) > LONGEST_LINE:
        raise CemopsError(
            f"the command line has {len(line)} characters, and Windows takes {LONGEST_LINE}: send what is long on"
            " standard input"
        )
    return line


def error_text(stderr: bytes) -> str:
    """Return what PowerShell says on stderr as people read it: its CLIXML, and the text of native programs around it.

    For diagnosis only: progress and warnings land there, too, and exit codes lie.
    """
    text = stderr.decode("utf-8", "replace")
    before, mark, xml = text.partition(_CLIXML)
    if not mark:
        return text
    begin, end = xml.find("<Objs"), xml.rfind("</Objs>")
    if begin < 0 or end < 0:
        return text
    try:
        root = defusedxml.ElementTree.fromstring(xml[begin : end + len("</Objs>")])
    except (defusedxml.ElementTree.ParseError, DefusedXmlException):
        return text
    said = "".join(found.text or "" for found in root.iterfind(_ERRORS))
    said = said.replace("_x000D__x000A_", "\n").replace("_x001B_", "")
    return f"{before}{said}{xml[end + len('</Objs>') :]}"
