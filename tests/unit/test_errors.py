"""What may be said of an error: our own words, and of a foreign one nothing but its type and place."""

from __future__ import annotations

from cemops.errors import HostError, what_may_be_said


def test_our_own_words_are_shown() -> None:
    assert what_may_be_said(HostError("gw1", "the disk is full")) == "the disk is full"


def test_of_a_foreign_error_only_type_and_place_are_shown() -> None:
    try:
        int("password hunter2")
    except ValueError as error:
        said = what_may_be_said(error)
    assert "hunter2" not in said
    assert "ValueError at test_errors.py:" in said
