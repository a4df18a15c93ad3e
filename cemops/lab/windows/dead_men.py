"""The timers of dead men: each runs what restores, unless it is confirmed before.

They go by the machine's clock, as a scheduled task does: where that is set forward, what has become due runs at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from cemops.lab.windows.machine_model import DeadMan

_CLOCK_SECONDS = 1.0
"""Two clocks that differ by less are the same one."""


class Timers:
    """One timer for each dead man that waits."""

    def __init__(self, time_ms: Callable[[], int], fire: Callable[[str], None]) -> None:
        self._time_ms = time_ms
        self._fire = fire
        self._waiting: dict[str, tuple[float, threading.Timer]] = {}
        """Timers by token, each with the time (of this process) at which it ends."""

    def follow(self, dead_men: Iterable[DeadMan]) -> None:
        """Start a timer for each one that waits, and end those of the others and those that the clock has overtaken."""
        ends = {
            one.token: time.monotonic() + max(0.0, (one.due_ms - self._time_ms()) / 1000)
            for one in dead_men
            if not one.fired
        }
        for token, (end, timer) in tuple(self._waiting.items()):
            if token not in ends or abs(ends[token] - end) > _CLOCK_SECONDS:
                timer.cancel()
                del self._waiting[token]
        for token, end in ends.items():
            if token not in self._waiting:
                timer = threading.Timer(end - time.monotonic(), self._fire, (token,))
                timer.daemon = True
                self._waiting[token] = end, timer
                timer.start()

    def stop(self) -> None:
        """End every timer."""
        self.follow(())
