"""The shipped PowerShell parses as version 5.1 and avoids what was found to go wrong (static: no PowerShell runs here)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.payload import powershell_tree as tree
from tests.unit.payload.powershell_rules import EXAMPLES, EXCEPTIONS, RULES, findings


@pytest.mark.parametrize("path", tree.SCRIPTS, ids=lambda path: path.name)
def test_script_parses_as_powershell_5_1(path: Path) -> None:
    assert not [f"{tree.line(node)}: {tree.text(node)[:60]}" for node in tree.broken(tree.read(path))]


@pytest.mark.parametrize("path", tree.SCRIPTS, ids=lambda path: path.name)
def test_script_breaks_no_rule(path: Path) -> None:
    root = tree.read(path)
    complaints = []
    for name in RULES:
        found = findings(root, name)
        complaints += found if len(found) > EXCEPTIONS.get((path.name, name), 0) else []
    assert not complaints


@pytest.mark.parametrize("path", tree.SCRIPTS, ids=lambda path: path.name)
def test_script_is_ascii_with_unix_line_ends_and_no_tabs(path: Path) -> None:
    content = path.read_bytes()
    assert content.isascii()
    assert not set(b"\r\t\x00") & set(content)
    assert content.endswith(b"\n")


@pytest.mark.parametrize(("rule", "bad", "good"), EXAMPLES)
def test_rule_bites_on_its_bad_example_and_not_on_its_good_one(rule: str, bad: str, good: str) -> None:
    assert findings(tree.parse(bad), rule)
    assert not findings(tree.parse(good), rule)


def test_each_rule_has_an_example() -> None:
    assert {rule for rule, _, _ in EXAMPLES} == set(RULES)


def test_the_gates_see_every_script_that_is_shipped() -> None:
    names = {path.name for path in tree.SCRIPTS}
    assert {"bootstrap.ps1", "core.ps1", "actions.ps1", "leaves_machine.ps1", "leaves_fake.ps1"} <= names
    assert all(tree.functions(tree.read(path)) for path in (*tree.LEAVES, *tree.LOGIC))
