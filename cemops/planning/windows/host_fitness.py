"""Whether a Windows machine can be managed: rights, IIS, its clock, and what could not be read of it."""

from __future__ import annotations

from collections.abc import Iterable

from cemops.model.windows_observed import ObservedWindows
from cemops.planning.changes import PlanWarning
from cemops.planning.clocks import clock_warnings
from cemops.planning.windows.plan import WindowsPlan


def judge_windows_host(observed: ObservedWindows, *, needs_iis: bool = True) -> WindowsPlan:
    """Return errors and warnings of the machine as a whole; no changes."""
    return WindowsPlan(errors=tuple(_errors(observed, needs_iis=needs_iis)), warnings=tuple(_warnings(observed)))


def _errors(observed: ObservedWindows, *, needs_iis: bool) -> Iterable[str]:
    if not observed.elevated:
        yield (
            f"{observed.user} is no administrator on {observed.computer}: connect as one (an account of the domain, or "
            "a local one with LocalAccountTokenFilterPolicy)"
        )
    if needs_iis and not observed.iis_installed:
        yield "IIS is not installed: add the role Web Server (IIS), then plan again"


def _warnings(observed: ObservedWindows) -> Iterable[PlanWarning]:
    for sentence in observed.unreadable:
        yield PlanWarning("unreadable", sentence)
    yield from clock_warnings(observed.clock, observed.observer_clock)
