from __future__ import annotations

import base64

import pytest

from cemops.errors import CemopsError
from cemops.execution.file_transfer import get_line, put_line
from cemops.execution.finished_program import LONGEST_LINE, FinishedProgram, checked_line, error_text, powershell_line

HEAD = b'#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
BOMB = b'<!DOCTYPE Objs [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


def test_a_script_becomes_one_line_without_a_character_that_a_shell_would_read() -> None:
    line = powershell_line("Write-Output 'ü \" & %PATH%'")
    program, *options, encoded = line.split(" ")
    assert (program, options) == ("powershell.exe", ["-NoProfile", "-NonInteractive", "-EncodedCommand"])
    assert base64.b64decode(encoded).decode("utf-16-le") == "Write-Output 'ü \" & %PATH%'"


def test_the_longest_line_passes_and_one_more_character_is_refused() -> None:
    assert checked_line("x" * LONGEST_LINE) == "x" * LONGEST_LINE
    with pytest.raises(CemopsError, match="8192 characters, and Windows takes 8191"):
        checked_line("x" * (LONGEST_LINE + 1))


def test_the_lines_that_move_files_are_far_from_the_limit() -> None:
    assert max(len(put_line()), len(get_line())) < LONGEST_LINE - 1000


@pytest.mark.parametrize(
    ("stderr", "text"),
    [
        (b"", ""),
        (b"plain\xff\n", "plain\ufffd\n"),
        (HEAD + b'<S S="Error">one_x000D__x000A_</S><S S="Error">two</S></Objs>', "one\ntwo"),
        (b"native\n" + HEAD + b'<S S="Error">own</S></Objs>after\n', "native\nownafter\n"),
        (HEAD + b'<Obj S="progress"><MS><S N="x">busy</S></MS></Obj></Objs>', ""),
        (HEAD + b'<S S="warning">mind</S></Objs>', ""),
    ],
)
def test_what_powershell_says_is_told_as_people_read_it(stderr: bytes, text: str) -> None:
    assert error_text(stderr) == text


@pytest.mark.parametrize("stderr", [HEAD + b"<S S=", HEAD + b"<S></Objs>", b"#< CLIXML", HEAD.replace(b"<Objs", BOMB)])
def test_what_is_no_xml_is_told_as_it_is(stderr: bytes) -> None:
    assert error_text(stderr) == stderr.decode()


def test_the_complaint_is_the_last_line() -> None:
    stderr = HEAD + b'<S S="Error">one_x000D__x000A_</S><S S="Error">  two  _x000D__x000A_</S></Objs>'
    assert FinishedProgram(1, b"", stderr).complaint == "two"
    assert FinishedProgram(1, b"", b" \n").complaint == ""


def test_output_is_in_no_repr() -> None:
    assert "canary" not in repr(FinishedProgram(0, b"canary", b"canary"))
