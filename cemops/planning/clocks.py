"""A host's clock against the operator's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from cemops.planning.changes import PlanWarning

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A clock further off makes certificates and CRLs look expired or not yet valid, and Kerberos refuse."""


def clock_warnings(clock: datetime, observer: datetime | None) -> Iterator[PlanWarning]:
    """Warn of a clock that differs; ``observer`` is the operator's at that moment, None for a record."""
    difference = timedelta() if observer is None else abs(clock - observer)
    if difference > CLOCK_TOLERANCE:
        minutes = int(difference.total_seconds() // 60)
        yield PlanWarning(
            "clock-differs",
            f"the host's clock is {minutes} minutes from the operator's: certificates and CRLs are judged by it; "
            "set up time synchronisation",
        )
