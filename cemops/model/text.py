"""What every textual value of the estate file shares: it is text, and nothing in it is invisible.

The checks of values raise ``ValueError`` with a sentence that says what is wrong and what to write instead;
``document`` puts the place in front of it. A value is shown in a sentence only through ``shown``.
"""

from __future__ import annotations

import unicodedata

SHOWN_LENGTH = 60


def shown(value: str) -> str:
    """Return the value in quotes, for a message: one line, nothing invisible, cut at 60 characters."""
    cut = value[:SHOWN_LENGTH]
    visible = "".join(character if character.isprintable() else _escape(character) for character in cut)
    return f"'{visible}…'" if len(value) > SHOWN_LENGTH else f"'{visible}'"


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}"


def shown_key(key: str) -> str:
    """Return a key in quotes, for a message, up to its first colon.

    Behind a colon without a space stands what was meant to be the value, and that may be a secret.
    """
    name, colon, _ = key.partition(":")
    return shown(f"{name}:…" if colon else key)


def require_text(value: object, example: str) -> str:
    """Return the value as it is if it is text; never repeats it, for it may be a secret in the wrong place.

    Raises ValueError, with ``example`` as what to write.
    """
    if isinstance(value, str):
        return value
    raise ValueError(f'text is expected, and {_what_it_is(value)}, as in "{example}"')


def _what_it_is(value: object) -> str:
    if isinstance(value, bool):
        return "YAML reads this as true or false: put it in quotes"
    if isinstance(value, (int, float)):
        return "YAML reads this as a number: put it in quotes"
    if value is None:
        return "there is no value: write one"
    return "this is a list or a section: write one value"


def hidden_character(value: str) -> str | None:
    """Name the first character that people cannot see or that turns text around; None if there is none.

    Control (Cc), format (Cf: zero width, bidirectional marks), surrogate, private and unassigned characters,
    line and paragraph separators. A space is only U+0020: the other ones look the same and are not.
    """
    if value.isascii() and value.isprintable():
        return None
    for character in value:
        category = unicodedata.category(character)
        if category[0] == "C" or category in ("Zl", "Zp") or (category == "Zs" and character != " "):
            return f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}"
    return None


def require_visible(value: str) -> str:
    """Return the value if every character of it can be seen; raises ValueError."""
    hidden = hidden_character(value)
    if hidden is not None:
        raise ValueError(f"{shown(value)} holds the invisible character {hidden}: type the value instead of pasting it")
    return value


def require_trimmed(value: str, limit: int) -> str:
    """Return the value if it is not empty, has no space at either end and at most ``limit`` characters."""
    if not value.strip():
        raise ValueError("the value is empty: write one, or leave the key out")
    if value != value.strip():
        raise ValueError(f"{shown(value)} begins or ends with a space: take it away")
    if len(value) > limit:
        raise ValueError(f"{shown(value)} has {len(value)} characters: at most {limit} are possible")
    return value
