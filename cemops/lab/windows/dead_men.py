"""The timers of dead men: each runs what restores, unless it is confirmed before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from cemops.lab.windows.machine_model import DeadMan


class Timers:
    """One timer for each dead man that waits."""

    def __init__(self, time_ms: Callable[[], int], fire: Callable[[str], None]) -> None:
        self._time_ms = time_ms
        self._fire = fire
        self._waiting: dict[str, threading.Timer] = {}

    def follow(self, dead_men: Iterable[DeadMan]) -> None:
        """Start a timer for each one that waits, and end those of the others."""
        waiting = {one.token: one for one in dead_men if not one.fired}
        for token in set(self._waiting) - set(waiting):
            self._waiting.pop(token).cancel()
        for token, one in waiting.items():
            if token not in self._waiting:
                seconds = max(0.0, (one.due_ms - self._time_ms()) / 1000)
                timer = threading.Timer(seconds, self._fire, (token,))
                timer.daemon = True
                self._waiting[token] = timer
                timer.start()

    def stop(self) -> None:
        """End every timer."""
        self.follow(())
