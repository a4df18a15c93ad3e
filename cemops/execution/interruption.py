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

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

Handler = Callable[[int, FrameType | None], Any]


class Interruption:
    """Whether a run was asked to stop, and by what."""

    def __init__(self) -> None:
        self.reason: str | None = None

    @contextmanager
    def awaited(self, tell: Callable[[str], None]) -> Iterator[None]:
        """While the block runs, take the first signal as a request; ``tell`` takes the sentence about it."""
        before = {number: signal.getsignal(number) for number in _SIGNALS}

        def again(number: int, frame: FrameType | None) -> None:
            handler = before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)

        self.await_signals(tell, again)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def await_signals(self, tell: Callable[[str], None], again: Handler) -> None:
        """Do so until the process ends; ``again`` takes the signals after the first."""

        def requested(number: int, frame: FrameType | None) -> None:
            if self.reason is not None:
                again(number, frame)
                return
            self.reason = f"interrupted by {_NAMES[signal.Signals(number)]}"
            # Not from here: a handler may run in the middle of a write to the same stream.
            gevent.spawn(tell, f"{self.reason}: the machine at work is finished first. Once more stops it at once")

        for number in _SIGNALS:
            signal.signal(number, requested)


def end_with(working: Any) -> Handler:  # noqa: ANN401 - gevent knows no type for the main greenlet
    """Return a handler that raises KeyboardInterrupt in one greenlet, whichever runs when the signal comes."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        _raise_in(working, KeyboardInterrupt())

    return interrupt


def end_process(number: int, frame: FrameType | None) -> None:
    """End a process of stock pyinfra, whose own handler of Ctrl-C would end whichever greenlet runs."""
    del frame
    _raise_in(gevent.get_hub().parent, SystemExit(128 + number))


def _raise_in(greenlet: Any, exception: BaseException) -> None:  # noqa: ANN401 - as above
    if gevent.getcurrent() is greenlet:
        raise exception  # it may be waiting for the keyboard, where no loop would wake it
    gevent.kill(greenlet, exception)
