"""Text of others in Markdown: what a parser of CommonMark and GitHub's tables makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from inline_snapshot import snapshot
from markdown_it.token import Token

from cemops.rendering.markdown import LONGEST, LONGEST_NAME, SHORTENED, code, fenced, sentence
from cemops.rendering.terminal import visible_utf8
from tests.unit.rendering.markdown_reader import ACTIVE, PARSER
from tests.unit.rendering.nasty_texts import NASTY, texts


def inline(markdown: str) -> list[Token]:
    """The parts of a line, within a list: where cemops puts text of others."""
    tokens = PARSER.parse(f"- before {markdown}\n")
    assert [token.type for token in tokens if token.nesting == 0] == ["inline"]
    assert [token.type for token in tokens if token.nesting == 1] == [
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
    ]
    (line,) = [token.children for token in tokens if token.type == "inline"]
    assert line is not None
    return line


def test_what_a_reader_sees_is_what_was_written() -> None:
    assert sentence("a <b> & *c* `d` | [e](f)") == snapshot(
        "a &#60;b&#62; &#38; &#42;c&#42; &#96;d&#96; &#124; &#91;e&#93;(f)"
    )
    assert sentence("ask @user about #1 in https://example.invalid") == snapshot(
        "ask &#64;&#8203;user about &#35;&#8203;1 in https:&#8203;//example.invalid"
    )
    assert code("a `b` c") == snapshot("``a `b` c``")
    assert code("`") == snapshot("`` ` ``")
    assert code("two\nlines") == snapshot("`two\\nlines`")


@given(texts)
def test_a_sentence_is_text_and_nothing_else(text: str) -> None:
    shown = sentence(text)
    assert "\n" not in shown
    (token,) = inline(shown)
    assert token.type == "text"
    seen = token.content.removeprefix("before").lstrip(" ")
    expected = " ".join(visible_utf8(text).split())
    assert seen.replace("\u200b", "") == expected.replace("\u200b", "")
    assert not ACTIVE.search(seen)


@given(texts)
def test_code_is_code_with_the_text_as_it_is(text: str) -> None:
    expected = visible_utf8(text).replace("\n", r"\n").replace("\t", r"\t")
    before, *rest = inline(code(text, LONGEST))
    assert before.type == "text"
    if not expected.strip(" "):
        assert (rest, before.content) == ([], f"before {'(spaces)' if expected else '(empty)'}")
        return
    (token,) = rest
    assert (token.type, token.content) == ("code_inline", expected)


@given(texts)
def test_a_block_of_code_holds_every_line_of_the_text(text: str) -> None:
    tokens = PARSER.parse(f"before\n\n{fenced(text, 'diff')}\n\nafter\n")
    (block,) = [token for token in tokens if token.type == "fence"]
    assert (block.info, block.content) == ("diff", f"{visible_utf8(text).removesuffix(chr(10))}\n")
    assert [token.content for token in tokens if token.type == "inline"] == ["before", "after"]


@pytest.mark.parametrize("text", NASTY)
def test_nothing_of_the_corpus_shows_as_a_control_character(text: str) -> None:
    shown = sentence(text) + code(text) + fenced(text, "")
    assert not {"\x00", "\x07", "\x1b", "\u202e", "\u2066", "\udcff"} & set(shown)


def test_a_long_text_is_shortened_and_says_so() -> None:
    assert sentence("x" * (LONGEST + 1)) == f"{'x' * LONGEST}{SHORTENED}"
    assert code("x" * (LONGEST_NAME + 1)) == f"`{'x' * LONGEST_NAME}{SHORTENED}`"
    assert SHORTENED not in sentence("x" * LONGEST)
