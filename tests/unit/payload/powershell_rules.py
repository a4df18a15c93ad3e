"""What the shipped PowerShell must not contain: what Windows PowerShell 5.1 lacks, and what was found to go wrong.

Each rule has examples that break it, so that a test shows that it bites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tree_sitter import Node

from tests.unit.payload import powershell_tree as tree

Finding = tuple[Node, str]

_LOOPS = {"foreach_statement", "for_statement", "while_statement", "do_statement"}
_BLOCKS = {"function_statement", "script_block_expression"}
_EQUALITY = {"-eq", "-ne", "-ceq", "-cne", "-ieq", "-ine", "-in", "-notin", "-cin", "-contains", "-notcontains"}
_EQUALITY |= {"-ccontains", "-cnotcontains", "-lt", "-gt", "-le", "-ge"}
_CULTURE = {"endswith", "startswith", "indexof", "lastindexof", "compare", "compareto", "toupper", "tolower"}
_UNKNOWN_PARAMETERS = {
    "ashashtable",
    "asbytestream",
    "asarray",
    "parallel",
    "nonewline",
    "noenumerate",
    "skiphttperrorcheck",
}
_OUTPUT = {"write-host", "write-output", "write-error", "write-warning", "write-verbose", "write-information", "echo"}
_REPLACED = {
    "get-wmiobject": "PowerShell 7 lacks it: Get-CimInstance",
    "get-content": "its texts become objects in JSON: [IO.File]::ReadAllText",
    "set-content": "it writes in the machine's code page: [IO.File]",
    "get-date": "its dates become objects in JSON: [DateTime]::UtcNow",
    "invoke-expression": "it runs data",
    "iex": "it runs data",
    "join-path": "it asks for the drive, which may be missing",
}
_NEWER = {"hashdata", "tohexstring", "fromhexstring", "tounixtimemilliseconds", "tounixtimeseconds", "getrelativepath"}
_MOST_ARGUMENTS = {"move": 2, "contains": 1, "replace": 3}
_ASSIGNED_BY_POWERSHELL = {"input", "args", "error", "host", "home", "pid", "matches", "this", "profile", "pshome"}
_ASSIGNED_BY_POWERSHELL |= {"true", "false", "null", "executioncontext", "shellid", "psitem", "psboundparameters"}


def _syntax(root: Node) -> Iterator[Finding]:
    for node in tree.broken(root):
        yield node, "this is no PowerShell 5.1"


def _chains(root: Node) -> Iterator[Finding]:
    for node in tree.find(root, "pipeline_chain_tail"):
        yield node, "5.1 has no && and ||"


def _parameters(root: Node) -> Iterator[Finding]:
    for command in tree.commands(root):
        for name in sorted(_UNKNOWN_PARAMETERS & set(command.named)):
            yield command.node, f"5.1 has no -{name}, or not as it is meant"


def _input(root: Node) -> Iterator[Finding]:
    for node in tree.variables(root):
        if tree.variable_name(node) == "input":
            yield node, "$input anywhere makes the host eat standard input"


def _commands(root: Node) -> Iterator[Finding]:
    for command in tree.commands(root):
        if command.name in _REPLACED:
            yield command.node, f"{command.name}: {_REPLACED[command.name]}"
        if command.name in _OUTPUT:
            yield command.node, f"{command.name}: what is printed becomes part of the reply, or spoils it"
        if command.name.startswith("powershell") and {"command", "file"} & set(command.named):
            yield command.node, "only an encoded command is sound"


def _json(root: Node) -> Iterator[Finding]:
    for command in tree.commands(root):
        depth = command.named.get("depth")
        if command.name == "convertto-json" and (depth is None or tree.text(depth) != "100"):
            yield command.node, "ConvertTo-Json without -Depth 100 cuts what is deeper without a word"


def _leaving(root: Node) -> Iterator[Finding]:
    for node in tree.find(root, "flow_control_statement"):
        word = tree.text(node).split()[0].lower()
        around = [each.type for each in tree.ancestors(node)]
        if word == "exit":
            yield node, "exit leaves without a reply"
        if word in {"break", "continue"} and not _in_loop(around, allow_switch=word == "break"):
            yield node, f"{word} outside of a loop leaves the payload"


def _in_loop(around: list[str], *, allow_switch: bool) -> bool:
    for kind in around:
        if kind in _LOOPS or (allow_switch and kind == "switch_statement"):
            return True
        if kind in _BLOCKS:
            return False
    return False


def _growing(root: Node) -> Iterator[Finding]:
    for node in tree.find(root, "assignement_operator"):
        if tree.text(node) == "+=" and any(each.type in _LOOPS for each in tree.ancestors(node)):
            yield node, "+= in a loop copies the list each time: List.Add"


def _culture(root: Node) -> Iterator[Finding]:
    for name, arguments, node in tree.method_calls(root):
        if name not in _CULTURE:
            continue
        if any("stringcomparison]" in tree.text(argument).lower() for argument in arguments):
            continue
        if arguments and tree.text(arguments[0]).lower().startswith(("[char]", "[array]")):
            continue
        if tree.text(node).lower().startswith("[array]::"):
            continue
        yield node, f"{name} goes by the machine's culture: say [StringComparison]::Ordinal, or the invariant form"


def _equality(root: Node) -> Iterator[Finding]:
    for node in tree.find(root, "comparison_expression", "comparison_argument_expression"):
        operator = next(
            (tree.text(child).lower() for child in node.children if child.type == "comparison_operator"), ""
        )
        if operator in _EQUALITY and any(tree.is_text(child) or _is_list_of_texts(child) for child in node.children):
            yield (
                node,
                f"{operator} with a text compares by language and overlooks invisible characters: [string]::Equals",
            )


def _is_list_of_texts(node: Node) -> bool:
    inner = tree.core(node)
    return inner.type == "array_expression" and any(True for _ in tree.find(inner, "string_literal"))


def _automatic(root: Node) -> Iterator[Finding]:
    targets = list(tree.find(root, "left_assignment_expression"))
    for target in targets:
        for node in tree.variables(target):
            if tree.core(target) == node and tree.variable_name(node) in _ASSIGNED_BY_POWERSHELL - {"null"}:
                yield node, f"${tree.variable_name(node)} belongs to PowerShell"
    for declared in tree.find(root, "script_parameter", "foreach_statement"):
        for node in declared.children:
            if node.type == "variable" and tree.variable_name(node) in _ASSIGNED_BY_POWERSHELL:
                yield node, f"${tree.variable_name(node)} belongs to PowerShell"


def _lost_lists(root: Node) -> Iterator[Finding]:
    for node in tree.find(root, "flow_control_statement"):
        given = [child for child in node.children if child.type == "pipeline"]
        if given and tree.core(given[0]).type == "array_expression":
            yield node, "a function that returns @() gives nothing, and one item for @(1): emit the items"
    for node in tree.find(root, "assignment_expression"):
        if any(child.type in {"if_statement", "switch_statement"} | _LOOPS for child in node.children):
            yield node, "what a statement gives is unrolled: $x = if ... loses an empty list"


def _native(root: Node) -> Iterator[Finding]:
    for node in tree.find(root, "redirection"):
        function = next((each for each in tree.ancestors(node) if each.type == "function_statement"), root)
        if tree.text(node).startswith("2>&1") and "$ErrorActionPreference = 'Continue'" not in tree.text(function):
            yield node, "5.1 throws at a program's first line on standard error unless the preference is Continue"


def _framework(root: Node) -> Iterator[Finding]:
    for name, arguments, node in tree.method_calls(root):
        if name in _NEWER or len(arguments) > _MOST_ARGUMENTS.get(name, len(arguments)):
            yield node, f".NET Framework 4.5, under PowerShell 5.1, has no such {name}"


def _stray(root: Node) -> Iterator[Finding]:
    for name, _, node in tree.method_calls(root):
        statement = next((each for each in tree.ancestors(node) if each.type in {"pipeline", "argument_list"}), root)
        if name != "add" or statement.type != "pipeline" or tree.core(statement) != node:
            continue
        if statement.parent is not None and statement.parent.type == "assignment_expression":
            continue
        around = next((each for each in tree.ancestors(node) if each.type == "function_statement"), root)
        listed = f"{tree.text(node.children[0])} = New-Object Collections.ArrayList"
        if listed in tree.text(around):
            yield node, "ArrayList.Add gives the index, which becomes part of what the function gives: $null = ..."


RULES: dict[str, Callable[[Node], Iterator[Finding]]] = {
    "syntax": _syntax,
    "chains": _chains,
    "parameters": _parameters,
    "input": _input,
    "commands": _commands,
    "json depth": _json,
    "leaving": _leaving,
    "growing lists": _growing,
    "culture": _culture,
    "equality": _equality,
    "automatic variables": _automatic,
    "lost lists": _lost_lists,
    "native programs": _native,
    "framework": _framework,
    "stray output": _stray,
}
"""Every rule by its name."""

EXAMPLES = (
    ("syntax", "$a = $b ?? 1", "$a = $b"),
    ("syntax", "$a?.b", "$a.b"),
    ("syntax", "$a ? 1 : 2", "if ($a) { 1 } else { 2 }"),
    ("syntax", "if ($a) { 1", "if ($a) { 1 }"),
    ("chains", "First-Thing && Second-Thing", "First-Thing; Second-Thing"),
    ("parameters", "ConvertFrom-Json $a -AsHashtable", "ConvertFrom-Json $a"),
    ("parameters", "Get-Thing $a -AsByteStream", "Get-Thing $a -Encoding Byte"),
    ("input", 'if ($false) { "$input" }', "$inputs = 1"),
    ("commands", "Get-WmiObject Win32_Service", "Get-CimInstance Win32_Service"),
    ("commands", "$a = Get-Content x", "$a = [IO.File]::ReadAllText('x')"),
    ("commands", "$a = get-date", "$a = [DateTime]::UtcNow"),
    ("commands", "Write-Host 'x'", "$null = 'x'"),
    ("commands", "Invoke-Expression $a", "& $a"),
    ("commands", "powershell.exe -Command $a", "powershell.exe -EncodedCommand $a"),
    ("json depth", "ConvertTo-Json $a -Depth 8", "ConvertTo-Json $a -Depth 100"),
    ("json depth", "$a | ConvertTo-Json", "$a | ConvertTo-Json -Depth 100"),
    ("leaving", "function F { exit 1 }", "function F { return 1 }"),
    ("leaving", "function F { break }", "foreach ($a in 1) { break }"),
    ("leaving", "$b | ForEach-Object { continue }", "while ($a) { continue }"),
    ("growing lists", "foreach ($a in $b) { $c += $a }", "foreach ($a in $b) { $c.Add($a) }"),
    ("culture", "$a.EndsWith('x')", "$a.EndsWith('x', [StringComparison]::Ordinal)"),
    ("culture", "$a.IndexOf('x')", "$a.IndexOf([char]120)"),
    ("culture", "$a.ToUpper()", "$a.ToUpperInvariant()"),
    ("equality", "$a -eq 'x'", "$a -eq 1"),
    ("equality", "if ('x' -cne $a) { 1 }", "if ([string]::Equals('x', $a)) { 1 }"),
    ("equality", "@('x', 'y') -ccontains $a", "$list.Contains($a)"),
    ("automatic variables", "$error = 1", "$errors = 1"),
    ("automatic variables", "function F($input, $b) { 1 }", "function F($a) { $null = 1 }"),
    ("automatic variables", "foreach ($pid in $b) { 1 }", "foreach ($a in $b) { 1 }"),
    ("lost lists", "function F { return @($a) }", "function F { return , @($a) }"),
    ("lost lists", "$a = if ($b) { @() }", "if ($b) { $a = @() }"),
    ("framework", "[Convert]::ToHexString($a)", "[BitConverter]::ToString($a)"),
    ("framework", "[IO.File]::Move($a, $b, $true)", "[IO.File]::Move($a, $b)"),
    (
        "stray output",
        "function F { $a = New-Object Collections.ArrayList; $a.Add(1) }",
        "function F { $a = New-Object Collections.ArrayList; $null = $a.Add(1) }",
    ),
    ("native programs", "& $a $b 2>&1", "function F { $ErrorActionPreference = 'Continue'; & $a $b 2>&1 }"),
)
"""Rule, an example that breaks it, the nearest one that does not."""

EXCEPTIONS: dict[tuple[str, str], int] = {
    ("bootstrap.ps1", "json depth"): 1,  # its error line, which is flat, and must not fail
    ("bootstrap.ps1", "leaving"): 1,  # its very last line
    ("get_file.ps1", "json depth"): 1,  # a flat reply
    ("get_file.ps1", "leaving"): 1,
    ("put_file.ps1", "json depth"): 1,
    ("put_file.ps1", "leaving"): 1,
}
"""How many findings of a rule are right in a file: scripts that run by themselves end by exit and write flat replies."""


def findings(root: Node, rule: str) -> list[str]:
    """Return what breaks a rule, with its line."""
    return [f"line {tree.line(node)}: {why}" for node, why in RULES[rule](root)]
