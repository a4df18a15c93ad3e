"""Text from elsewhere on a terminal: a host's file may hold sequences that move the cursor or hide what follows."""

from __future__ import annotations

_KEPT = "\n\t"
_ONE_BYTE = 0x100
_TURNING = range(0x202A, 0x202F), range(0x2066, 0x206A)
"""Unicode's marks that turn the direction of writing, by which text shows in another order than it stands."""
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *(code for codes in _TURNING for code in codes))
_SHOWN = {
    code: f"\\x{code:02x}" if code < _ONE_BYTE else f"\\u{code:04x}" for code in _CONTROLS if chr(code) not in _KEPT
}


def visible(text: str) -> str:
    r"""Return the text with every control character but line break and tab written out, as in ``\\x1b``."""
    return text.translate(_SHOWN)


def visible_utf8(text: str) -> str:
    """Return the text as :func:`visible` does; what UTF-8 cannot hold (a byte of a file's name) is written out, too."""
    return visible(text).encode("utf-8", "backslashreplace").decode("utf-8")
