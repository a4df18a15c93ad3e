"""Which names the payload's PowerShell uses: a wrong one is an error only when its line runs, on somebody's server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from tests.unit.payload import powershell_tree as tree
from tests.unit.payload.powershell_tree import Function

Finding = tuple[Node, str]

CMDLETS = {
    "add-type",
    "convertfrom-json",
    "convertto-json",
    "foreach-object",
    "get-ciminstance",
    "new-netfirewallrule",
    "new-object",
    "remove-netfirewallrule",
    "set-netfirewallrule",
    "set-service",
    "where-object",
}
"""What the payload may call besides its own functions: built into Windows Server 2012 R2 with PowerShell 5.1."""

LOGIC_CMDLETS = {"convertto-json", "foreach-object", "new-object", "where-object"}
"""What core and actions may call: nothing of Windows."""

LOGIC_TYPES = {
    "array",
    "bitconverter",
    "bool",
    "byte[]",
    "char",
    "char[]",
    "collections.arraylist",
    "collections.generic.dictionary[string,object]",
    "collections.generic.dictionary[string,string]",
    "collections.generic.list[string]",
    "collections.idictionary",
    "convert",
    "decimal",
    "int",
    "io.compression.compressionmode",
    "io.compression.gzipstream",
    "io.memorystream",
    "long",
    "management.automation.pscustomobject",
    "ordered",
    "security.cryptography.sha256",
    "string",
    "stringcomparer",
    "stringcomparison",
    "text.encoding",
}
"""Types of core and actions: plain data. All else is a call of Windows and belongs to a leaf."""

_AUTOMATIC = {"_", "true", "false", "null", "lastexitcode", "erroractionpreference"}
_SCRIPT_LEVEL = {"operationhandlers", "operationfields", "fakecalls", "fakeworld", "request"}
"""Variables of the joined text itself that its functions read: names that no function has a variable of."""


def doubled(functions: list[Function]) -> list[str]:
    """Return the names that two functions of one text have: the later would silently take the place of the other."""
    return sorted(name for name, count in Counter(each.name for each in functions).items() if count > 1)


def unknown_commands(root: Node, functions: list[Function], cmdlets: set[str]) -> Iterator[Finding]:
    """Yield calls of what is neither a function of the text nor allowed. ``&`` with an expression is not looked at."""
    known = {each.name for each in functions} | cmdlets
    for command in tree.commands(root):
        if not command.name.startswith("& ") and command.name not in known:
            yield command.node, f"{command.name} is no function of the payload and no allowed cmdlet"


def wrong_arguments(root: Node, functions: list[Function]) -> Iterator[Finding]:
    """Yield calls of functions that give another number of values than there are parameters, or unknown names."""
    by_name = {each.name: each for each in functions}
    for command in tree.commands(root):
        function = by_name.get(command.name)
        if function is None or command.splatted:
            continue
        unknown = sorted(set(command.named) - set(function.parameters))
        if unknown:
            yield command.node, f"{command.name} has no parameter {', '.join(unknown)}"
        given = len(command.positional) + len(command.named)
        if given != len(function.parameters):
            yield command.node, f"{command.name} is given {given} values and has {len(function.parameters)} parameters"


def unassigned_variables(functions: list[Function]) -> Iterator[Finding]:
    """Yield variables that are read in a function before it gives them a value.

    PowerShell would look in the callers, or take nothing for it, without a word.
    """
    for function in functions:
        known = _AUTOMATIC | _SCRIPT_LEVEL | set(function.parameters)
        for node in sorted(tree.variables(function.node), key=_moment):
            name = tree.variable_name(node)
            if name.startswith("env:") or name in known:
                continue
            if _gives_value(node):
                known.add(name)
            else:
                yield node, f"${name} is read in {function.name} before it has a value"


def _gives_value(node: Node) -> bool:
    """Whether a variable is assigned here, alone or with others, or goes through a list."""
    parent = node.parent
    if parent is not None and parent.type in {"foreach_statement", "script_parameter"}:
        return True
    around: list[str] = []
    for each in tree.ancestors(node):
        if each.type == "left_assignment_expression":
            return not {"member_access", "element_access", "invokation_expression"} & set(around)
        around.append(each.type)
    return False


def _moment(node: Node) -> int:
    """Return when a variable is met as the text runs: the right side of an assignment before its left side."""
    if not _gives_value(node) or node.parent is None:
        return node.start_byte
    if node.parent.type == "foreach_statement":
        return next(each for each in node.parent.children if each.type == "statement_block").start_byte
    whole = (each for each in tree.ancestors(node) if each.type == "assignment_expression")
    return next((each.end_byte for each in whole), node.start_byte)


def foreign_types(root: Node) -> Iterator[Finding]:
    """Yield types in core and actions that are not plain data."""
    for name, node in tree.type_names(root):
        if name not in LOGIC_TYPES:
            yield node, f"[{name}] is no plain data: a leaf's work"


def told(found: Iterator[Finding]) -> list[str]:
    """Return findings as texts, with their line."""
    return [f"line {tree.line(node)}: {why}" for node, why in found]
