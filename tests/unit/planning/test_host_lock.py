"""When a lock on a host keeps somebody out, and what a plan says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cemops.model.host_lock import LIFETIME, HostLock
from cemops.planning.host_lock import lock_warnings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


def lock(expires: datetime = NOW + MOMENT, store: str = "theirs") -> HostLock:
    return HostLock("0", store, "bob on ops2 (process 7)", expires - LIFETIME, expires)


@pytest.mark.parametrize(
    ("expires", "keeps_out"),
    [
        (NOW - MOMENT, False),
        (NOW, False),
        (NOW + MOMENT, True),
        (NOW + LIFETIME, True),
        (NOW + 2 * LIFETIME, True),
        (NOW + 2 * LIFETIME + MOMENT, False),  # from before the host's clock was set back
    ],
)
def test_another_stores_lock_keeps_out_until_it_expires_by_the_hosts_clock(
    expires: datetime, *, keeps_out: bool
) -> None:
    assert lock(expires).holds(NOW, "mine") is keeps_out
    assert lock(expires).holds(NOW, None) is keeps_out
    assert bool(list(lock_warnings(lock(expires), NOW, "mine"))) is keeps_out


def test_a_lock_of_ones_own_store_keeps_nobody_out() -> None:
    assert not lock(store="mine").holds(NOW, "mine")
    assert list(lock_warnings(lock(store="mine"), NOW, "mine")) == []
    assert list(lock_warnings(None, NOW, "mine")) == []


def test_the_warning_names_holder_and_times_in_utc() -> None:
    (warning,) = lock_warnings(lock(NOW + 10 * timedelta(minutes=1)), NOW, None)
    assert warning.code == "locked"
    assert warning.message == (
        "locked by bob on ops2 (process 7) since 2026-11-22 11:40:00 UTC, until 2026-11-22 12:10:00 UTC: an apply with "
        "another store is at work there, or was killed"
    )
