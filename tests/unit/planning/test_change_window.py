"""Change windows: open, closed, and when next; over midnight and through daylight saving (PEP 495)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cemops.model.change_control import ChangeWindow
from cemops.planning.change_window import closed_sentence, closing, is_open, next_opening, too_long


def window(**changes: Any) -> ChangeWindow:
    values = {
        "name": "sunday-night",
        "days": ["sun"],
        "start": "02:00",
        "duration_minutes": 240,
        "timezone": "Europe/Tallinn",
    }
    return ChangeWindow.model_validate({**values, **changes})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_no_window_is_always_open() -> None:
    assert is_open((), at("2026-11-22T12:00:00+00:00"))
    assert closed_sentence((), at("2026-11-22T12:00:00+00:00")) is None


@pytest.mark.parametrize(
    ("now", "open_now"),
    [
        ("2026-11-22T01:59:59+02:00", False),
        ("2026-11-22T02:00:00+02:00", True),
        ("2026-11-22T05:59:59+02:00", True),
        ("2026-11-22T06:00:00+02:00", False),
        ("2026-11-23T03:00:00+02:00", False),
        ("2026-11-22T00:30:00+00:00", True),
    ],
)
def test_window_opens_and_closes_in_its_own_time_zone(now: str, open_now: bool) -> None:
    assert is_open((window(),), at(now)) is open_now


def test_window_over_midnight_belongs_to_the_day_it_began() -> None:
    overnight = window(days=["sat"], start="23:00", duration_minutes=180)
    assert is_open((overnight,), at("2026-11-22T01:30:00+02:00"))
    assert not is_open((overnight,), at("2026-11-21T01:30:00+02:00"))


def test_closed_window_names_the_next() -> None:
    sentence = closed_sentence((window(),), at("2026-11-23T12:00:00+00:00"))
    assert sentence is not None
    assert "sunday-night" in sentence
    assert "Sunday 2026-11-29 02:00 EET" in sentence


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_duration_is_real_time_through_a_daylight_saving_switch(day: str) -> None:
    night = window(days=["sun"], start="02:00", duration_minutes=240)
    opening = next_opening((night,), at(f"{day}T00:30:00+02:00") - timedelta(hours=3))
    assert opening is not None
    start = opening[1].astimezone(UTC)
    assert is_open((night,), start)
    assert is_open((night,), start + timedelta(minutes=239))
    assert not is_open((night,), start + timedelta(minutes=240))


def test_start_in_the_skipped_hour_opens_all_the_same() -> None:
    skipped = window(start="03:30", duration_minutes=60)  # Tallinn skips 03:00-04:00 on 2026-03-29
    assert is_open((skipped,), at("2026-03-29T04:45:00+03:00"))


def test_a_window_closes_when_its_minutes_are_over() -> None:
    assert closing((window(),), at("2026-11-22T03:00:00+02:00")) == at("2026-11-22T06:00:00+02:00")


def test_nothing_closes_where_nothing_is_open_or_nothing_is_declared() -> None:
    assert closing((window(),), at("2026-11-22T06:00:00+02:00")) is None
    assert closing((), at("2026-11-22T03:00:00+02:00")) is None


def test_windows_that_overlap_or_follow_each_other_close_together() -> None:
    early = window(name="early", start="01:00", duration_minutes=120)
    late = window(name="late", start="06:00", duration_minutes=30)

    assert closing((early, window(), late), at("2026-11-22T01:30:00+02:00")) == at("2026-11-22T06:30:00+02:00")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        # 29 March 2026: 03:00 becomes 04:00; four hours of real time from 02:00 end at 07:00 by the clock.
        ("2026-03-29T02:30:00+02:00", "2026-03-29T07:00:00+03:00"),
        # 25 October 2026: 04:00 becomes 03:00; they end at 05:00.
        ("2026-10-25T02:30:00+03:00", "2026-10-25T05:00:00+02:00"),
    ],
)
def test_a_window_closes_after_real_time_through_a_switch(now: str, end: str) -> None:
    assert closing((window(),), at(now)) == at(end)


def test_a_window_of_a_leap_day_opens_and_closes_on_it() -> None:
    leap = window(days=["tue"], start="23:30", duration_minutes=60)  # 29 February 2028 is a Tuesday

    assert closing((leap,), at("2028-02-29T23:45:00+02:00")) == at("2028-03-01T00:30:00+02:00")


def test_a_window_that_never_closes_has_some_end_far_away() -> None:
    always = window(days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"], start="00:00", duration_minutes=1440)
    end = closing((always,), at("2026-11-22T12:00:00+02:00"))

    assert end is not None
    assert end - at("2026-11-22T12:00:00+02:00") > timedelta(days=31)


def test_a_batch_that_took_longer_than_the_window_lasts_is_not_begun() -> None:
    said = too_long([40.0, 50.0], timedelta(seconds=60))

    assert said is not None
    assert "closes in 60 s" in said
    assert "90 s" in said


@pytest.mark.parametrize(
    ("seconds", "left"),
    [([40.0], timedelta(seconds=60)), ([40.0, None], timedelta(seconds=1)), ([], timedelta(0)), ([900.0], None)],
)
def test_a_batch_that_fits_or_of_which_too_little_is_known_is_begun(
    seconds: list[float | None], left: timedelta | None
) -> None:
    assert too_long(seconds, left) is None
