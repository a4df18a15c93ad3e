"""A staged rollout: lets machines through batch by batch, and stops where too many failed or the window closes.

Asked by the operations before each machine, so that the order and the stops hold however pyinfra runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from cemops.errors import LeftAloneError
from cemops.model.counting import counted
from cemops.planning.batches import Batch


@dataclass
class RolloutStages:
    """The batches of one apply."""

    batches: Sequence[Batch]
    max_failures: int | None = None
    failed_before: int = 0
    """Machines that could not be reached or planned."""
    closed: Callable[[], str | None] = lambda: None
    """Why no further batch may begin (the change window has closed); None where one may."""
    fits: Callable[[Batch], str | None] = lambda _: None
    """Why a batch would not be done before the window closes, by recorded durations; None where it would be."""
    halted: str | None = None
    """Why the rest is left alone."""
    _begun: set[int] = field(default_factory=set)

    def admit(self, name: str, failed: Collection[str]) -> None:
        """Raise LeftAloneError where a machine must not be touched any more."""
        number = len(failed) + self.failed_before
        if self.halted is None and self.max_failures is not None and number > self.max_failures:
            self.halted = f"{counted(number, 'machine')} failed, more than --max-failures {self.max_failures}"
        index = next((at for at, batch in enumerate(self.batches) if name in batch.hosts), None)
        if index is not None:
            self._begin(index)
        if self.halted is not None:
            raise LeftAloneError(name, f"left alone: {self.halted}")

    def has_begun(self, name: str) -> bool:
        """Tell whether a machine's batch was let through."""
        return self.halted is None and any(name in self.batches[index].hosts for index in self._begun)

    def _begin(self, index: int) -> None:
        if self.halted is None and index not in self._begun:
            self._begun.add(index)
            reason = self.closed() or self.fits(self.batches[index])
            # A batch that has begun is finished: half of one is the state that nobody has tried.
            self.halted = f"{reason}; the batch was not begun" if reason else None
