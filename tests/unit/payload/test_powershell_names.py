"""The payload's names: each command exists, gets as many values as it takes, and reads only what it has."""

from __future__ import annotations

import re

import pytest
from tree_sitter import Node

from tests.unit.payload import powershell_tree as tree
from tests.unit.payload.powershell_names import (
    CMDLETS,
    LOGIC_CMDLETS,
    doubled,
    foreign_types,
    told,
    unassigned_variables,
    unknown_commands,
    wrong_arguments,
)

SHIPPED = tree.read(*tree.LEAVES, *tree.LOGIC)
TESTED = tree.read(tree.FAKE_LEAVES, *tree.LOGIC)
ROOTS = pytest.mark.parametrize("root", [SHIPPED, TESTED], ids=["shipped", "with fake leaves"])


@ROOTS
def test_no_two_functions_have_one_name(root: Node) -> None:
    assert not doubled(tree.functions(root))


@ROOTS
def test_each_command_exists(root: Node) -> None:
    bootstrap = tree.functions(tree.read(tree.PAYLOAD / "bootstrap.ps1"))
    assert not told(unknown_commands(root, tree.functions(root) + bootstrap, CMDLETS))


@ROOTS
def test_each_function_is_given_the_values_it_takes(root: Node) -> None:
    assert not told(wrong_arguments(root, tree.functions(root)))


@ROOTS
def test_each_variable_has_a_value_before_it_is_read(root: Node) -> None:
    assert not told(unassigned_variables(tree.functions(root)))


def test_core_and_actions_call_nothing_of_windows() -> None:
    root = tree.read(*tree.LOGIC)
    leaves = [each for each in tree.functions(SHIPPED) if each.name.endswith("leaf")]
    bootstrap = tree.functions(tree.read(tree.PAYLOAD / "bootstrap.ps1"))
    assert not told(unknown_commands(root, tree.functions(root) + leaves + bootstrap, LOGIC_CMDLETS))
    assert not told(foreign_types(root))


def test_real_and_fake_leaves_are_the_same() -> None:
    real = {each.name: each.parameters for each in tree.functions(SHIPPED) if each.name.endswith("leaf")}
    fake = {each.name: each.parameters for each in tree.functions(TESTED) if each.name.endswith("leaf")}
    assert real == fake


def test_leaves_are_those_of_the_wire() -> None:
    """What docs/windows-payload.md lists, with as many arguments as it names."""
    document = (tree.REPOSITORY / "docs" / "windows-payload.md").read_text(encoding="utf-8")
    chapter = document[document.index("## Leaves") : document.index("## Cases")]
    listed = {
        words[0].lower(): len(words) - 1
        for words in map(str.split, re.findall(r"`([A-Z]\w+-\w+Leaf[a-z_ ]*)`", chapter))
    }
    real = {each.name: len(each.parameters) for each in tree.functions(SHIPPED) if each.name.endswith("leaf")}
    assert real == listed


def test_the_dead_mans_own_command_is_sound() -> None:
    """A text inside of the program, which a task runs later: what it parses as, and the names it leaves to fill in."""
    wrapper = next(each for each in tree.functions(SHIPPED) if each.name == "get-deadmancommand")
    (literal,) = tree.find(wrapper.node, "verbatim_here_string_characters")
    inner = tree.text(literal)[2:-2]
    root = tree.parse(inner)
    assert not list(tree.broken(root))
    assert not told(unknown_commands(root, [], CMDLETS))
    assert sorted(set(re.findall(r"#[A-Z]+#", inner))) == ["#DONE#", "#FIRED#", "#SCRIPT#"]


@pytest.mark.parametrize("name", ["bootstrap.ps1", "get_file.ps1", "put_file.ps1", "dead_man.ps1"])
def test_script_that_runs_by_itself_has_all_it_names(name: str) -> None:
    source = (tree.PAYLOAD / name).read_text(encoding="utf-8")
    root = tree.parse(f"function Whole {{\n{source}\n}}")
    functions = tree.functions(root)
    assert functions[0].name == "whole"
    assert not told(unknown_commands(root, functions, CMDLETS))
    assert not told(wrong_arguments(root, functions))
    assert not told(unassigned_variables(functions[:1]))


def test_each_operation_has_its_function() -> None:
    functions = {each.name: each.parameters for each in tree.functions(SHIPPED)}
    handlers = [
        tree.text(command.positional[1]).strip("'").lower()
        for command in tree.commands(SHIPPED)
        if command.name == "add-operation"
    ]
    assert len(handlers) > 20
    assert [functions.get(handler) for handler in handlers] == [("action",)] * len(handlers)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("function F($a) { 1 }; F 1 2", "given 2 values"),
        ("function F($a) { 1 }; F", "given 0 values"),
        ("function F($a) { 1 }; F -Other 2", "no parameter other"),
        ("function F { $a }", "$a is read"),
        ("function F { $b[0] = 1 }", "$b is read"),
        ('function F { "x$a" }', "$a is read"),
        ("function F { $a = $a }", "$a is read"),
        ("function F { 1 }; G", "g is no function"),
        ("function F { netsh http show }", "netsh is no function"),
        ("function F { % { 1 } }", "% is no function"),
        ("function F { [Microsoft.Win32.Registry]::LocalMachine }", "microsoft.win32.registry"),
        ("function F { New-Object Security.Cryptography.X509Certificates.X509Store }", "x509store"),
    ],
)
def test_gate_bites(bad: str, complaint: str) -> None:
    root = tree.parse(bad)
    functions = tree.functions(root)
    complaints = told(unknown_commands(root, functions, CMDLETS)) + told(wrong_arguments(root, functions))
    complaints += told(unassigned_variables(functions)) + told(foreign_types(root))
    assert any(complaint in each for each in complaints)


def test_gate_sees_two_functions_of_one_name() -> None:
    assert doubled(tree.functions(tree.parse("function Get-It { 1 }\nfunction get-it { 2 }"))) == ["get-it"]


def test_gate_leaves_the_ordinary_alone() -> None:
    root = tree.parse('function F($a) { foreach ($b in $a) { $c = $b; "$c $($a.d) $env:X" } }\nF 1\nF -A 1')
    functions = tree.functions(root)
    assert not told(unknown_commands(root, functions, CMDLETS)) + told(wrong_arguments(root, functions))
    assert not told(unassigned_variables(functions))
