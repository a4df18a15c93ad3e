"""Change windows: whether apply may change hosts now, and when it may next.

A window opens at ``start`` on its days, in its own time zone, and stays open for ``duration_minutes`` of real time:
over midnight, and through a switch of daylight saving time. A start that falls into the skipped hour opens when the
clocks have moved on (PEP 495: the earlier offset holds). No window listed means always open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from cemops.model.change_control import ChangeWindow

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST = timedelta(days=31)
"""Windows that follow each other without a gap for so long are as good as always open."""
_HORIZON_DAYS = 8
"""A window that opens on one day of the week opens within this many days."""


def is_open(windows: Sequence[ChangeWindow], now: datetime) -> bool:
    """Tell whether a window is open at ``now`` (aware)."""
    return not windows or any(
        start <= now < start + timedelta(minutes=window.duration_minutes)
        for window in windows
        for start in _starts(window, now)
    )


def next_opening(windows: Sequence[ChangeWindow], now: datetime) -> tuple[str, datetime] | None:
    """Return name and start (in the window's own time zone) of the window that opens next; None without windows."""
    openings = sorted(
        ((start, window.name) for window in windows for start in _starts(window, now) if start > now),
        key=lambda opening: opening[0],
    )
    if not openings:
        return None
    start, name = openings[0]
    zone = next(ZoneInfo(window.timezone) for window in windows if window.name == name)
    return name, start.astimezone(zone)


def closing(windows: Sequence[ChangeWindow], now: datetime) -> datetime | None:
    """Return when the time in which changes are allowed ends (UTC); None where it has no end, or has ended.

    Windows that overlap, or follow each other without a gap, are one time.
    """
    end: datetime | None = None
    if not windows:
        return None
    while True:
        at = now if end is None else end
        ends = [
            start + timedelta(minutes=window.duration_minutes)
            for window in windows
            for start in _starts(window, at)
            if start <= at < start + timedelta(minutes=window.duration_minutes)
        ]
        if not ends or (end is not None and end - now > _LONGEST):
            return end
        end = max(ends)


def too_long(seconds: Sequence[float | None], left: timedelta | None) -> str | None:
    """Say why machines that took so many seconds last time will not be done in the time that is left.

    None where they will, where nothing closes, and where nothing is known of one: an estimate is no guess.
    """
    if left is None or not seconds or any(one is None for one in seconds):
        return None
    needed = timedelta(seconds=sum(one for one in seconds if one is not None))
    if needed <= left:
        return None
    return (
        f"the change window closes in {int(left.total_seconds())} s, and last time this took "
        f"{int(needed.total_seconds())} s"
    )


def closed_sentence(windows: Sequence[ChangeWindow], now: datetime) -> str | None:
    """Return why nothing may be changed now, naming the next window; None where it may."""
    if is_open(windows, now):
        return None
    opening = next_opening(windows, now)
    when = f"; the next one, {opening[0]}, opens on {opening[1]:%A %Y-%m-%d %H:%M %Z}" if opening else ""
    return f"outside the change windows{when}"


def _starts(window: ChangeWindow, now: datetime) -> Iterable[datetime]:
    zone = ZoneInfo(window.timezone)
    longest = timedelta(minutes=window.duration_minutes).days + 2
    today = now.astimezone(zone).date()
    hour, minute = (int(part) for part in str(window.start).split(":")[:2])
    for offset in range(-longest, _HORIZON_DAYS + 1):
        day = today + timedelta(days=offset)
        if _DAYS[day.weekday()] in window.days:
            yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
