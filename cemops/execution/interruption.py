"""Ctrl-C and SIGTERM while machines are changed: the machine that is at work is finished, the rest is left alone.

Half a machine's change is what nobody has tried. The second signal ends the run at once: what was begun is then put
back by the machine itself, or settled by the next apply.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import gevent

INTERRUPTED = 130
"""Exit code of a command that was interrupted (as shells have it)."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

Handler = Callable[[int, FrameType | None], Any]


class Interruption:
    """Whether a run was asked to stop, and by what."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._before: dict[int, Any] = {}
        """By signal, who took it before."""

    @contextmanager
    def awaited(self, tell: Callable[[str], None]) -> Iterator[None]:
        """While the block runs, take the first signal as a request; ``tell`` takes the sentence about it."""
        self.await_signals(tell)
        try:
            yield
        finally:
            for number, before in self._before.items():
                signal.signal(number, before)
            self._before = {}

    def await_signals(self, tell: Callable[[str], None]) -> None:
        """Do so until the process ends."""

        def requested(number: int, frame: FrameType | None) -> None:
            if self.reason is not None:
                _call(self._before[number], number, frame)
                return
            self.reason = f"interrupted by {_NAMES[signal.Signals(number)]}"
            # Not from here: a handler may run in the middle of a write to the same stream.
            gevent.spawn(tell, f"{self.reason}: the machine at work is finished first. Once more stops it at once")

        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            signal.signal(number, requested)


def end_with(working: Any) -> Handler:  # noqa: ANN401 - gevent knows no type for the main greenlet
    """Return a handler that raises KeyboardInterrupt in one greenlet, whichever runs when the signal comes."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        if gevent.getcurrent() is working:
            raise KeyboardInterrupt  # it may be waiting for the keyboard, where no loop would wake it
        gevent.kill(working, KeyboardInterrupt)

    return interrupt


def _call(handler: Any, number: int, frame: FrameType | None) -> None:  # noqa: ANN401 - what signal.getsignal returns
    if callable(handler):
        handler(number, frame)
    else:  # the system's default, which ends the process without a word to anybody
        gevent.kill(gevent.get_hub().parent, SystemExit(128 + number))
