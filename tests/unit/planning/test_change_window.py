"""Change windows: open, closed, and when next; over midnight and through daylight saving (PEP 495)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cemops.model.change_control import ChangeWindow
from cemops.planning.change_window import closed_sentence, is_open, next_opening


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
