"""PowerShell files as syntax trees, and what the gates ask of them: functions, commands with their arguments, variables.

``tree-sitter-powershell`` stands in for the parser of Windows PowerShell 5.1, which everyday tests do not have. Names
in PowerShell know no case: everything here gives them in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

REPOSITORY = Path(__file__).resolve().parents[3]
PAYLOAD = REPOSITORY / "cemops" / "payload"
FAKE_LEAVES = REPOSITORY / "tests" / "payload" / "leaves_fake.ps1"
SCRIPTS = (*sorted(PAYLOAD.glob("*.ps1")), FAKE_LEAVES)
LEAVES = tuple(path for path in SCRIPTS if path.parent == PAYLOAD and path.name.startswith("leaves"))
LOGIC = tuple(PAYLOAD / name for name in ("actions.ps1", "actions_web.ps1", "core.ps1"))

_PARSER = Parser(Language(tree_sitter_powershell.language()))
_STRINGS = ("expandable_string_literal", "expandable_here_string_literal")


@dataclass(frozen=True)
class Function:
    """One function; ``parameters`` without the dollar sign, in order."""

    name: str
    parameters: tuple[str, ...]
    node: Node


@dataclass(frozen=True)
class Command:
    """One call: values by position, and the values of named parameters (None for a switch)."""

    name: str
    positional: tuple[Node, ...]
    named: dict[str, Node | None]
    splatted: bool
    node: Node


def parse(source: str) -> Node:
    """Return the root of the tree of a script's text."""
    return _PARSER.parse(source.encode("utf-8")).root_node


def read(*paths: Path) -> Node:
    """Return the root of the tree of these files, joined as they are joined on a machine."""
    return parse("".join(path.read_text(encoding="utf-8") for path in paths))


def text(node: Node) -> str:
    """Return the source of a node."""
    return (node.text or b"").decode("utf-8").strip()


def line(node: Node) -> int:
    """Return the line on which a node begins, counted from 1."""
    return node.start_point[0] + 1


def find(node: Node, *types: str) -> Iterator[Node]:
    """Yield the nodes of these types, in the order of the text, the node itself included."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in types:
            yield current
        stack.extend(reversed(current.children))


def ancestors(node: Node) -> Iterator[Node]:
    """Yield the nodes around this one, the nearest first."""
    current = node.parent
    while current is not None:
        yield current
        current = current.parent


def core(node: Node) -> Node:
    """Return what is left of an expression when the layers of the grammar that have one child only are taken off."""
    while node.named_child_count == 1 and node.child_count == 1:
        node = node.children[0]
    return node


def broken(root: Node) -> Iterator[Node]:
    """Yield where the text is no PowerShell of version 5.1."""
    stack = [root]
    while stack:
        current = stack.pop()
        if current.type == "ERROR" or current.is_missing:
            yield current
        stack.extend(reversed(current.children))


def functions(root: Node) -> list[Function]:
    """Return the functions of a script."""
    found = []
    for node in find(root, "function_statement"):
        name = next(child for child in node.children if child.type == "function_name")
        declared = [child for child in node.children if child.type == "function_parameter_declaration"]
        parameters = tuple(
            text(variable)[1:].lower()
            for declaration in declared
            for parameter in find(declaration, "script_parameter")
            for variable in parameter.children
            if variable.type == "variable"
        )
        found.append(Function(text(name).lower(), parameters, node))
    return found


def commands(node: Node) -> Iterator[Command]:
    """Yield the calls of commands. Calls by ``&`` have the text after it as their name."""
    for found in find(node, "command"):
        name = next((child for child in found.children if child.type in {"command_name", "command_name_expr"}), None)
        if name is None:
            continue
        elements = next((child for child in found.children if child.type == "command_elements"), None)
        yield _command(found, text(name), elements)


def _command(node: Node, name: str, elements: Node | None) -> Command:
    positional: list[Node] = []
    named: dict[str, Node | None] = {}
    splatted, waiting = False, None
    for child in elements.children if elements is not None else ():
        if child.type == "command_parameter":
            waiting = text(child)[1:].rstrip(":").lower()
            named[waiting] = None
        elif child.type in {"command_argument_sep", "redirection"} or text(child).startswith(("6>", "2>")):
            continue
        elif text(child).startswith("@") and core(child).type == "variable":
            splatted = True
        elif waiting is not None:
            named[waiting], waiting = child, None
        else:
            positional.append(child)
    prefix = "" if any(child.type == "command_name" for child in node.children) else "& "
    return Command(prefix + name.lower(), tuple(positional), named, splatted, node)


def method_calls(node: Node) -> Iterator[tuple[str, list[Node], Node]]:
    """Yield method calls: the method's name in lower case, its arguments, the node."""
    for call in find(node, "invokation_expression"):
        member = next((child for child in call.children if child.type == "member_name"), None)
        listed = next((child for child in call.children if child.type == "argument_list"), None)
        if member is not None and listed is not None:
            inner = next((child for child in listed.children if child.type == "argument_expression_list"), None)
            arguments = [child for child in inner.children if child.is_named] if inner is not None else []
            yield text(member).lower(), arguments, call


def variable_name(node: Node) -> str:
    """Return a variable's name in lower case, without ``$`` or ``@`` and without braces."""
    return text(node).lstrip("$@").strip("{}").lower()


def variables(node: Node) -> Iterator[Node]:
    """Yield the variables of a part of a script, those inside of texts included."""
    yield from find(node, "variable")


def is_text(node: Node) -> bool:
    """Whether an expression is a text written in the script."""
    return core(node).type in {"string_literal", "verbatim_string_characters", *_STRINGS}


def type_names(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the types named in brackets, in lower case and without ``System.``, and those given to New-Object."""
    for literal in find(node, "type_literal"):
        yield _bare(text(literal)[1:-1]), literal
    for command in commands(node):
        if command.name == "new-object" and command.positional:
            yield _bare(text(command.positional[0]).strip("'\"")), command.node


def _bare(name: str) -> str:
    return name.lower().removeprefix("system.")
