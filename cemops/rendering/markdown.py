r"""Text of others in Markdown: it shows as it is written, and nothing in it works.

For what GitHub and GitLab make of a comment: first Markdown and HTML, then, in the text that is shown, mentions,
references and addresses. Against the first stand character references; against the second a space of no width behind
the sign, since by then a character reference is the sign again. In code neither happens: names and values are code.
"""

from __future__ import annotations

import re

from cemops.rendering.terminal import visible_utf8

NO_WIDTH = "&#8203;"
LONGEST = 2000
"""Characters of one text; a comment has no room for more."""
LONGEST_NAME = 200
SHORTENED = "… (shortened)"

_SIGNS = r"\`*_[]<>|~$&#@!^"
_ACTIVE = (
    r"@|[#!%&~^$](?=[\w\"'])"  # @user, #1, !2, %3, &4, ~label, $5
    r"|\[(?=[\w-]+:)|\*(?=iteration:)|GH(?=-\d)"  # [issue:1], *iteration:1, GH-1
    r"|:(?=//)|www(?=\.)"  # addresses
    r"|:(?=[\w+-]*[a-z_+][\w+-]*:)"  # :tada:
)
_SPECIAL = re.compile(rf"(?P<active>{_ACTIVE})|[{re.escape(_SIGNS)}]", re.IGNORECASE)


def sentence(text: str) -> str:
    """Give a text for the middle of a line: no line break, no markup, no mention, no link."""
    return _SPECIAL.sub(_shown, _shortened(" ".join(visible_utf8(text).split()), LONGEST))


def code(text: str, longest: int = LONGEST_NAME) -> str:
    r"""Give a name or a value as code within a line; a line break shows as ``\n``, a tab as ``\t``."""
    shown = _shortened(visible_utf8(text).replace("\n", r"\n").replace("\t", r"\t"), longest)
    if not shown.strip(" "):
        return "(spaces)" if shown else "(empty)"
    fence = "`" * (_longest_run(shown) + 1)
    # Of a space at both ends Markdown takes one away; beside a backtick the fence needs one.
    pad = " " if {shown[0], shown[-1]} & {"`", " "} else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def fenced(text: str, language: str) -> str:
    """Give lines of text as a block of code."""
    shown = visible_utf8(text).removesuffix("\n")
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _shown(found: re.Match[str]) -> str:
    sign = "".join(f"&#{ord(letter)};" if letter in _SIGNS else letter for letter in found[0])
    return sign + NO_WIDTH if found["active"] else sign


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}{SHORTENED}"
