"""Change control, change windows and sizing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cemops.model.section import Section
from cemops.model.values import (
    ClockTime,
    Days,
    Hours,
    Minutes,
    ObjectName,
    Percent,
    PositiveCount,
    SecretReference,
    TimeZoneName,
)

MAX_PLAN_AGE_HOURS = 24
POLICY_DWELL_DAYS = 14
"""CE-05: at least two weeks for machines that are away."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EVERY_DAY: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ChangeControl(Section):
    """Limits on how changes are made."""

    max_plan_age_hours: Hours = MAX_PLAN_AGE_HOURS
    """A plan file that is older is refused."""
    policy_dwell_days: Days = POLICY_DWELL_DAYS
    """Days that agents get to fetch a new thumbprint (CE-05); not used yet."""
    store: SecretReference | None = None
    """Reference to the URL of the store (``postgresql://…``, ``sqlite:///FILE``); without it an SQLite file,
    ``.cemops/state.db`` beside the estate file."""


class ChangeWindow(Section):
    """A time in which apply may change hosts. None listed: always."""

    name: ObjectName
    """Name in this file."""
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = EVERY_DAY
    """Days on which it opens."""
    start: ClockTime
    """When it opens, in its own time zone."""
    duration_minutes: Minutes
    """How long it stays open; it may run into the next day."""
    timezone: TimeZoneName = "UTC"
    """IANA time zone, for example ``Europe/Tallinn``."""


class SizingQuestion(Section):
    """What the gateways together have to carry (IG-05)."""

    client_computers: PositiveCount
    """Computers in all (not used yet)."""
    cloud_enabled_percent: Percent
    """Percentage of them that is cloud-enabled (not used yet)."""
