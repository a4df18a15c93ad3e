"""The Jinja environment: strict about names, and strict about escaping.

Every value that a template prints must have gone through a filter of its target (Apache, PCRE, systemd) or
be an int: ``finalize`` refuses plain text, so that a forgotten filter is an error on the first rendering
and never an injected directive. HTML autoescaping is off, because none of the targets is HTML.

The filters refuse what their target cannot represent; the value types of ``cemops.model`` refuse most of it
before.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

from cemops.errors import CemopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_APACHE_WORD = re.compile(r"[A-Za-z0-9_.:*\[\]+-]+", re.ASCII)
_REGEX_LITERAL = re.compile(r"[A-Za-z0-9_:-]", re.ASCII)
_SYSTEMD_WORD = re.compile(r"[A-Za-z0-9_.=-]+", re.ASCII)
_PRINTABLE_ASCII = range(0x20, 0x7F)


class EscapedText(str):
    """Text that a filter has made safe for its target."""

    __slots__ = ()


def apache_quoted(value: str) -> EscapedText:
    r"""Give ``value`` as one double-quoted argument of an Apache directive.

    httpd unescapes only ``\\`` and ``\"`` there, and replaces ``${NAME}`` even inside quotes: that is
    refused.
    """
    _refuse_invisible(value, "an Apache directive")
    if "${" in value:
        raise CemopsError(f"{value!r} holds '${{', which httpd would replace: rename it without.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return EscapedText(f'"{escaped}"')


def apache_word(value: str) -> EscapedText:
    """Give ``value`` as one bare word of an Apache directive: a host name, an address, a port, an account."""
    if not _APACHE_WORD.fullmatch(value):
        raise CemopsError(
            f"{value!r} cannot stand in an Apache directive: use letters, digits, '.', '-', '_' and ':' only."
        )
    return EscapedText(value)


def apache_regex(value: str) -> EscapedText:
    r"""Give ``value`` so that PCRE matches exactly it, for use inside a double-quoted Apache argument.

    Nothing is escaped with a bare backslash, since httpd's quoting would halve some of them: a dot becomes
    ``[.]``, other signs ``\xHH``. Text outside ASCII is refused: host names there are A-labels.
    """
    return EscapedText("".join(_regex_character(character, value) for character in value))


def _regex_character(character: str, value: str) -> str:
    if _REGEX_LITERAL.fullmatch(character):
        return character
    if character == ".":
        return "[.]"
    if ord(character) not in _PRINTABLE_ASCII:
        raise CemopsError(f"{value!r} cannot stand in a match: use ASCII letters, digits, '.' and '-' only.")
    return f"\\x{ord(character):02x}"


def systemd_value(value: str) -> EscapedText:
    r"""Give ``value`` as one quoted word of a unit file's setting: ``%`` doubled, ``\`` and ``"`` escaped."""
    _refuse_invisible(value, "a systemd unit")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return EscapedText(f'"{escaped}"')


def systemd_argument(value: str) -> EscapedText:
    """Give ``value`` as one argument of a unit file's command line: ``systemd_value`` with ``$`` doubled."""
    return EscapedText(systemd_value(value).replace("$", "$$"))


def systemd_word(value: str) -> EscapedText:
    """Give ``value`` as a bare word of a unit file, where quotes are not understood (``User=``)."""
    if not _SYSTEMD_WORD.fullmatch(value):
        raise CemopsError(f"{value!r} cannot stand in a systemd unit: use letters, digits, '.', '-', '_' and '=' only.")
    return EscapedText(value)


def _refuse_invisible(value: str, where: str) -> None:
    """Refuse control characters, line and paragraph separators, direction marks, lone surrogates."""
    for character in value:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            raise CemopsError(f"{value!r} cannot stand in {where}: remove the character U+{ord(character):04X}.")


def _only_escaped(value: object) -> object:
    if isinstance(value, EscapedText) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise CemopsError(f"A template prints {value!r} without a filter of its target: this is an error in cemops.")


@cache
def _environment() -> Environment:
    package = Path(__file__).resolve().parent.parent
    environment = Environment(
        loader=FileSystemLoader([package / "templates", package.parent / "templates"]),
        undefined=StrictUndefined,
        finalize=_only_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no target is HTML; finalize demands a filter for each value
    )
    for filter_ in (apache_quoted, apache_word, apache_regex, systemd_value, systemd_argument, systemd_word):
        environment.filters[filter_.__name__] = filter_
    return environment


def render_template(name: str, values: Mapping[str, object]) -> str:
    """Render ``templates/<name>`` (in a wheel ``cemops/templates/<name>``) with ``values``.

    Raises CemopsError where a value cannot be represented in the template's target, or the template is
    missing.
    """
    try:
        template = _environment().get_template(name)
    except TemplateNotFound:
        raise CemopsError(f"The template {name} is missing: reinstall cemops.") from None
    return template.render(values)
