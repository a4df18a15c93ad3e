"""Files to and from a Windows host: as they are, in few requests, and an error where they did not arrive so."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from cemops.lab.windows.command_line import CommandResult
from tests.functional.winrm.windows_files import ENGINES, handler
from tests.functional.winrm.winrm_bench import Pair, connect, endpoint, make_pair

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("pair"), "ns1")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", [b"", b"\n", b"a\r\n\x00\xff" * 100_000, b'{"ok":false}\n'])
def test_files_come_and_go_as_they_are_in_few_requests(pair: Pair, tmp_path: Path, content: bytes, engine: str) -> None:
    path = str(tmp_path / "a 'file' of $names & Größe.txt")
    with endpoint(pair, handler(engine)) as running:
        steps = [{"put": path, "content": base64.b64encode(content).decode()}, {"get": path}]
        answer = connect(running.data(tmp_path), *steps, *steps)
    assert answer["results"][0]["done"] is True
    assert [base64.b64decode(result["content"]) for result in answer["results"][1::2]] == [content] * 2
    assert Path(path).read_bytes() == content
    assert answer["counts"]["requests"] < 30
    assert not any("names" in line.text for line in running.lines)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_cannot_be_written_or_read_says_why(pair: Pair, tmp_path: Path, engine: str) -> None:
    path = str(tmp_path / "nowhere" / "file")
    with endpoint(pair, handler(engine)) as running:
        answer = connect(running.data(tmp_path), {"put": path, "content": "YWJj"}, {"get": path})
    for result in answer["results"]:
        assert result["error"] == "OSError"
        assert path in result["text"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"", "PowerShell gave no answer"),
        (b'abc\n{"ok":true', "PowerShell gave no answer"),
        (b"abX\n" + b'{"ok":true,"size":3,"sha256":"' + b"0" * 64 + b'"}\n', "did not arrive as it was read"),
    ],
)
def test_a_file_that_did_not_arrive_whole_is_an_error(pair: Pair, tmp_path: Path, output: bytes, reason: str) -> None:
    with endpoint(pair, lambda _line, _stdin: CommandResult(output, b"", 0)) as running:
        answer = connect(running.data(tmp_path), {"get": "C:\\x"})
    assert "C:\\x" in answer["results"][0]["text"]
    assert reason in answer["results"][0]["text"]
