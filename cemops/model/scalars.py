"""What an unquoted word of the estate file means, and which words are refused.

Taken as they stand: ``true``, ``false``, ``null``, ``~``, nothing, decimal whole numbers and fractions, all
other text. Refused, never guessed: what YAML 1.1 reads as something else (``on``, ``010``, ``12:30``, dates).
"""

from __future__ import annotations

import re

LONGEST_NUMBER = 100

_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SWITCH_WORDS = {"on": "true", "yes": "true", "y": "true", "off": "false", "no": "false", "n": "false"}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_FRACTION = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
_NUMBER_CHARACTERS = frozenset("+-.:_0123456789")
_OCTAL = re.compile(r"[-+]?0[0-7_]+", re.ASCII)
_SURPRISES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[-+]?0o[0-7]+", re.ASCII), "is octal for YAML 1.2 and text for YAML 1.1"),
    (
        re.compile(r"[-+]?0[0-9]+(?:\.[0-9_]*)?", re.ASCII),
        "begins with a zero, which YAML versions read differently",
    ),
    (re.compile(r"[-+]?0x[0-9A-Fa-f_]+", re.ASCII), "is a hexadecimal number for YAML"),
    (re.compile(r"[-+]?0b[01_]+", re.ASCII), "is a binary number for YAML 1.1"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII),
        "is a number to the base 60 for YAML 1.1",
    ),
    (
        re.compile(r"[-+]?(?=[0-9.]*_)[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?", re.ASCII),
        "is a number for YAML 1.1, which skips the underscores",
    ),
    (
        re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII),
        "is a floating point number for some versions of YAML and text for others",
    ),
    (
        re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII),
        "is infinity or not a number for YAML",
    ),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?", re.ASCII), "is a date for YAML 1.1"),
    (re.compile(r"<<"), "merges another section in YAML 1.1"),
    (re.compile(r"="), "is the default value in YAML 1.1"),
)


def surprise(text: str, *, number: bool = False) -> str | None:
    """Say why an unquoted word is refused and what to write instead; None if it means one thing only.

    ``number``: only a whole number is possible there, so that quotes would not help.
    """
    switch = _SWITCH_WORDS.get(text.lower())
    if switch is not None and number:
        return f"YAML 1.1 reads {text} as {switch}: write a whole number"
    if switch is not None:
        return f'YAML 1.1 reads {text} as {switch}: write {switch}, or "{text}" in quotes if it is text'
    if not text or text[0].isalpha():
        return None
    if len(text) > LONGEST_NUMBER:
        if not set(text) <= _NUMBER_CHARACTERS:
            return None
        return "the number is too long" + (": write a shorter one" if number else ": if it is text, put it in quotes")
    return _number_surprise(text, number=number)


def _number_surprise(text: str, *, number: bool) -> str | None:
    if _INTEGER.fullmatch(text) or _FRACTION.fullmatch(text):
        return None
    if _OCTAL.fullmatch(text):
        octal = int(text.replace("_", ""), 8)
        quoted = "" if number else f', or "{text}" in quotes'
        return f"YAML 1.1 reads {text} as {octal} (octal): write it without the zero{quoted}"
    for pattern, why in _SURPRISES:
        if pattern.fullmatch(text):
            advice = "write a plain" if number else "put it in quotes if it is text, else write a plain"
            return f"{text} {why}: {advice} decimal number"
    return None


def meaning(text: str) -> bool | int | float | str | None:
    """Return the value of an unquoted word that holds no surprise."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= LONGEST_NUMBER:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FRACTION.fullmatch(text):
            return float(text)
    return text
