"""Times on the wire are milliseconds since 1970; here they are aware datetimes in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cemops.execution.windows_state.reply import damaged

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_milliseconds(milliseconds: int, place: str) -> datetime:
    """Return the moment; ``place`` names the field in the error for a number that no calendar has."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        damaged(f"{place} is no moment of time")
