"""docs/windows.md names every warning of the Windows planners, and no other in its tables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "windows.md").read_text("utf-8")
PLANNERS = ROOT / "cemops" / "planning"


def warning_codes(folder: Path) -> Iterator[str]:
    """The codes that stand in the code as such."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            code = node.args[0]
            named = node.func.id in {"PlanWarning", "_warning"}
            if named and isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


def listed_codes() -> Iterator[str]:
    """The codes in the first column of a table whose head says so."""
    for table in re.findall(r"^\| code \|.*?(?:\n\n|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL):
        for row in table.strip().splitlines()[2:]:
            yield from re.findall(r"`([a-z-]+)`", row.split("|")[1])


@pytest.mark.parametrize("code", sorted(set(warning_codes(PLANNERS / "windows"))))
def test_a_warning_of_the_planners_is_explained(code: str) -> None:
    assert f"`{code}`" in DOCUMENT


def test_an_explained_warning_is_one_of_the_planners() -> None:
    text = "\n".join(file.read_text("utf-8") for file in PLANNERS.rglob("*.py"))
    listed = set(listed_codes())
    assert len(listed) > 30
    assert {code for code in listed if f'"{code}"' not in text} == set()
