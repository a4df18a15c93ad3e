from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.errors import CemopsError
from cemops.rendering import environment
from cemops.rendering.environment import (
    apache_quoted,
    apache_regex,
    apache_word,
    render_template,
    systemd_argument,
    systemd_value,
    systemd_word,
)

INVISIBLE = ["\n", "\r", "\t", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\u202e", "\u200e", "\ud800"]


@pytest.mark.parametrize("sign", INVISIBLE)
@pytest.mark.parametrize("escape", [apache_quoted, systemd_value, systemd_argument])
def test_what_cannot_be_seen_is_refused(escape: object, sign: str) -> None:
    with pytest.raises(CemopsError, match=r"remove the character U\+"):
        escape(f"a{sign}b")  # type: ignore[operator]  # one of three filters


@pytest.mark.parametrize("sign", [*INVISIBLE, " ", '"', "'", "#", "<", ">", "%", "$", "\\", "é", ""])
@pytest.mark.parametrize("escape", [apache_word, systemd_word])
def test_a_word_holds_no_sign_that_could_end_it(escape: object, sign: str) -> None:
    with pytest.raises(CemopsError, match="use letters"):
        escape(f"{sign}x{sign}" if sign else "")  # type: ignore[operator]  # one of two filters


def apache_unquotes(text: str) -> str:
    r"""What httpd makes of a quoted argument (ap_getword_conf): \\ and \" are one sign."""
    assert text.startswith('"')
    assert text.endswith('"')
    return re.sub(r'\\([\\"])', r"\1", text[1:-1])


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Zl", "Zp"])).filter(lambda text: "${" not in text))
def test_httpd_reads_back_what_was_quoted(text: str) -> None:
    quoted = apache_quoted(text)
    assert apache_unquotes(quoted) == text
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\])*"', quoted)


def test_a_variable_of_httpd_is_refused() -> None:
    with pytest.raises(CemopsError, match="rename it"):
        apache_quoted("/etc/${PATH}")


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_a_regex_matches_exactly_its_text(text: str) -> None:
    pattern = re.compile(apache_unquotes(f'"{apache_regex(text)}"'))
    assert pattern.fullmatch(text)
    assert not pattern.fullmatch(text + "x")
    assert not pattern.fullmatch("x" + text)


def test_a_dot_in_a_regex_is_a_dot() -> None:
    assert apache_regex("ns1.corp-a.example") == "ns1[.]corp-a[.]example"


@pytest.mark.parametrize("text", ["é.example", "a\nb", "a\x7fb"])
def test_a_regex_of_other_than_ascii_is_refused(text: str) -> None:
    with pytest.raises(CemopsError, match="ASCII"):
        apache_regex(text)


def test_systemd_specifiers_quotes_and_variables_are_escaped() -> None:
    assert systemd_value('/a %n "b" \\ $c') == '"/a %%n \\"b\\" \\\\ $c"'
    assert systemd_argument("/a $c") == '"/a $$c"'


def test_a_value_without_a_filter_is_an_error_of_the_template() -> None:
    template = environment._environment().from_string("ServerName {{ name }}")
    with pytest.raises(CemopsError, match="without a filter"):
        template.render(name="gw1.example")


def test_a_boolean_is_not_printed_as_a_number() -> None:
    with pytest.raises(CemopsError, match="without a filter"):
        environment._environment().from_string("{{ flag }}").render(flag=True)


def test_a_missing_template_says_what_to_do() -> None:
    with pytest.raises(CemopsError, match="reinstall"):
        render_template("gateway/none.j2", {})
