"""YAML is read without guessing: each surprise is a complaint with its line and column."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cemops.model.scalars import meaning, surprise
from cemops.model.yaml_text import DEEPEST, Complaint, read_yaml


def only_complaint(text: str) -> Complaint:
    complaints = read_yaml(text).complaints
    assert len(complaints) == 1, complaints
    return complaints[0]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("on", "reads on as true: write true"),
        ("On", "reads On as true"),
        ("YES", "reads YES as true"),
        ("y", "reads y as true"),
        ("off", "reads off as false: write false"),
        ("no", "reads no as false"),
        ("N", "reads N as false"),
        ("010", "YAML 1.1 reads 010 as 8 (octal)"),
        ("0443", "YAML 1.1 reads 0443 as 291 (octal)"),
        ("-017", "YAML 1.1 reads -017 as -15 (octal)"),
        ("00", "as 0 (octal)"),
        ("0o17", "octal"),
        ("08", "begins with a zero"),
        ("099.5", "begins with a zero"),
        ("0x1F", "hexadecimal"),
        ("0b101", "binary"),
        ("1_000", "underscores"),
        ("1_0.5", "underscores"),
        ("12:30", "base 60"),
        ("02:00", "base 60"),
        ("1:2:3.5", "base 60"),
        ("-1:30", "base 60"),
        ("2026-01-01", "date"),
        ("2026-1-1 10:00:00", "date"),
        ("2026-01-01T10:00:00Z", "date"),
        (".inf", "infinity"),
        ("-.INF", "infinity"),
        (".nan", "infinity"),
        ("1e3", "floating point"),
        ("1.5e+3", "floating point"),
        (".5", "floating point"),
        (".5_0", "floating point"),
        ("5.", "floating point"),
        ("=", "default value"),
        ("<<", "merges"),
        ("1" * 101, "too long"),
    ],
)
def test_a_word_that_yaml_versions_read_differently_is_reported_at_its_place(word: str, says: str) -> None:
    complaint = only_complaint(f"a: 1\nlist:\n  - x: [b, {word}]\n")
    assert says in complaint.message
    assert "quotes" in complaint.message
    assert (complaint.path, complaint.mark) == (("list", 0, "x", 1), (3, 12))


@pytest.mark.parametrize("word", ["on", "no", "010", "0x1F", "12:30", "2026-01-01", "=", "<<", "1e3", "8.6", "443"])
@pytest.mark.parametrize("quote", ["'{}'", '"{}"', "|-\n  {}", ">-\n  {}"])
def test_a_quoted_word_is_text(word: str, quote: str) -> None:
    tree = read_yaml("a: " + quote.format(word))
    assert (tree.data, tree.complaints) == ({"a": word}, [])


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("443", 443),
        ("-5", -5),
        ("+5", 5),
        ("8.6", 8.6),
        ("0.5", 0.5),
        ("10.20.0.10", "10.20.0.10"),
        ("10.20.0.0/16", "10.20.0.0/16"),
        ("::1", "::1"),
        ("gw1.example", "gw1.example"),
        ("one", "one"),
        ("nobody", "nobody"),
        ("8.6 RU2", "8.6 RU2"),
        ("env:NAME", "env:NAME"),
    ],
)
def test_a_plain_word_that_means_one_thing_is_taken_as_it_is(word: str, value: object) -> None:
    tree = read_yaml(f"a: {word}")
    assert tree.complaints == []
    assert tree.data == {"a": value}
    assert type(tree.data["a"]) is type(value)


@given(st.text(st.sampled_from("0123456789-+_.:xobeEaTyYnNoOfFsS~=< "), max_size=12).map(str.strip))
def test_no_word_means_something_else_to_another_reader_unnoticed(word: str) -> None:
    try:
        theirs = yaml.safe_load(f"- {word}")[0]
    except (yaml.YAMLError, ValueError):
        return
    if surprise(word) is None and isinstance(theirs, (str, bool, int, float, type(None))):
        ours = meaning(word.partition(" #")[0])
        assert ours == theirs
        assert type(ours) is type(theirs)


@pytest.mark.parametrize(
    ("text", "mark", "says"),
    [
        ("a:\n\t- b\n", (2, 1), "a tab stands here: use spaces"),
        ("a: b: c\n", (1, 5), "put the value in quotes"),
        ("a: 1\n  b: 2\n", (2, 4), "indentation"),
        (" a: 1\nb: 2\n", (2, 1), "indentation"),
        ("a: 'x\nb: 1\n", (1, 4), "closing quote"),
        ("a: [1, 2\n", (1, 4), "]"),
        ("a: {b: 1\nc: 2\n", (1, 4), "}"),
        ("a: @x\n", (1, 4), "put the value in quotes"),
        ('a: "C:\\q"\n', (1, 4), "single quotes"),
        ("a: *secret123\n", (1, 4), "no such anchor"),
        ("a: *\n", (1, 5), "put the value in quotes"),
        ("a: &x [*x]\n", (1, 8), "inside the very section"),
        ("- a\nb: 1\n", (2, 1), "list above"),
        ("[1]: 2\n", (1, 1), "a key is one word"),
        ("{a: 1}: 2\n", (1, 1), "a key is one word"),
        ("x: &x 1\n*x : 2\n", (2, 1), "a key is one word"),
        ("a: 1\n---\nb: 2\n", (2, 1), "second document"),
        ("", (1, 1), "empty"),
        ("# nothing\n", (1, 1), "empty"),
        ("a: 1\nb: x\x00y\n", (2, 5), "U+0000"),
        ("a: 1\r\nb: \x1b[31m\r\n", (2, 4), "U+001B"),
        ("a: \ud800\n", (1, 4), "U+D800"),
        ("\ufeffa: 1\n", (1, 1), "byte order mark"),
        ("a: x\u2028b: 2\n", (1, 5), "U+2028"),
    ],
)
def test_broken_yaml_is_one_complaint_at_its_place(text: str, mark: tuple[int, int], says: str) -> None:
    complaint = only_complaint(text)
    assert complaint.mark == mark
    assert says in complaint.message
    assert not read_yaml(text).readable


@pytest.mark.parametrize("value", ["*hunter2", "!hunter2", "0123456", "YES", "@hunter2", "2026-01-01"])
def test_the_value_of_a_secret_is_not_repeated(value: str) -> None:
    message = only_complaint(f"password: {value}\n").message
    assert value not in message
    assert "hunter2" not in message


def test_a_key_that_stands_twice_is_reported_and_the_first_counts() -> None:
    tree = read_yaml("gateways:\n  - name: gw1\n    port: 1\n    port: 2\n")
    assert tree.data == {"gateways": [{"name": "gw1", "port": 1}]}
    assert [(c.path, c.mark) for c in tree.complaints] == [(("gateways", 0, "port"), (4, 5))]
    assert "first in line 3" in tree.complaints[0].message


@pytest.mark.parametrize("key", ["on", "no", "443", "~", "true", "010", "2026-01-01"])
def test_a_key_that_is_no_text_to_yaml_is_reported(key: str) -> None:
    complaint = only_complaint(f"a:\n  {key}: 1\n")
    assert complaint.mark == (2, 3)
    assert "put it in quotes" in complaint.message
    assert read_yaml(f"a:\n  '{key}': 1\n").complaints == []


def test_a_merge_is_reported() -> None:
    complaint = only_complaint("a: &a {x: 1}\nb:\n  <<: *a\n")
    assert complaint.mark == (3, 3)
    assert "write the keys out" in complaint.message


@pytest.mark.parametrize("tag", ["!!str", "!!python/object/apply:os.system", "!x", "!"])
def test_a_tag_is_reported_and_makes_nothing(tag: str) -> None:
    tree = read_yaml(f"a: {tag} [x]\n")
    assert [c.mark for c in tree.complaints] == [(1, 4)]
    assert tree.data == {"a": ["x"]}


def test_an_alias_repeats_its_anchor() -> None:
    tree = read_yaml("a: &a {x: [1, 2]}\nb: *a\n")
    assert (tree.data, tree.complaints) == ({"a": {"x": [1, 2]}, "b": {"x": [1, 2]}}, [])
    assert tree.values["b",] == (2, 4)


def test_a_billion_laughs_are_not_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    complaint = only_complaint("\n".join(lines))
    assert "more than 500000 values" in complaint.message
    assert complaint.mark[0] == 6


def test_aliases_do_not_get_around_the_limit_of_depth() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 2 * DEEPEST)]
    assert f"more than {DEEPEST} deep" in only_complaint("\n".join(lines)).message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_lists_in_lists_without_end_are_refused(opening: str) -> None:
    assert f"more than {DEEPEST} deep" in only_complaint(opening * 100_000).message


def test_too_much_text_is_refused() -> None:
    assert "at most 16777216" in only_complaint("#" * (16 * 1024 * 1024 + 1)).message


def test_every_value_and_key_has_its_place() -> None:
    tree = read_yaml("a: 1\nb:\n  - {c: [x, y]}\n  - d:\n")
    assert tree.values == {
        (): (1, 1),
        ("a",): (1, 4),
        ("b",): (3, 3),
        ("b", 0): (3, 5),
        ("b", 0, "c"): (3, 9),
        ("b", 0, "c", 0): (3, 10),
        ("b", 0, "c", 1): (3, 13),
        ("b", 1): (4, 5),
        ("b", 1, "d"): (4, 7),
    }
    assert tree.keys["b", 0, "c"] == (3, 6)


@given(st.text(max_size=60) | st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@`#,?\n \t<=~01."), max_size=40))
def test_no_text_makes_it_fail(text: str) -> None:
    tree = read_yaml(text)
    assert tree.readable or tree.complaints
    for complaint in tree.complaints:
        assert complaint.mark >= (1, 1)
        assert complaint.message.isprintable()
