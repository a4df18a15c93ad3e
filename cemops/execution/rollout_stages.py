"""A staged rollout: lets machines through batch by batch, and stops where a gate fails or too many failed.

Asked by the operations before each machine, so that the order and the stops hold however pyinfra runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from cemops.errors import HostError
from cemops.planning.batches import Batch

_TOLD = 3
"""Faults of a gate that are told in a sentence; `cemops probe` lists them all."""


@dataclass
class RolloutStages:
    """The batches of one apply. ``faults`` looks at the machines of a batch that were changed."""

    batches: Sequence[Batch]
    faults: Callable[[Sequence[str]], tuple[str, ...]]
    max_failures: int | None = None
    closed: Callable[[], str | None] = lambda: None
    """Why no further batch may begin (the change window has closed); None where one may."""
    fits: Callable[[Batch], str | None] = lambda _: None
    """Why a batch would not be done before the window closes, by recorded durations; None where it would be."""
    halted: str | None = None
    """Why the rest is left alone."""
    _begun: set[int] = field(default_factory=set)
    _passed: int = 0
    """Batches whose gate was asked."""

    def admit(self, name: str, failed: Collection[str]) -> None:
        """Raise HostError where a machine must not be touched any more; ask the gates of the batches before it."""
        index = next((at for at, batch in enumerate(self.batches) if name in batch.hosts), None)
        if index is not None:
            self._look(index, failed)
            self._begin(index)
        if self.halted is not None:
            raise HostError(name, f"left alone: {self.halted}")

    def _begin(self, index: int) -> None:
        if self.halted is None and index not in self._begun:
            self._begun.add(index)
            reason = self.closed() or self.fits(self.batches[index])
            # A batch that has begun is finished: half of one is the state that nobody has tried.
            self.halted = f"{reason}; the batch was not begun" if reason else None

    def finish(self, failed: Collection[str]) -> None:
        """Ask the gates that are left, when the last machine is done."""
        self._look(len(self.batches), failed)

    def has_begun(self, name: str) -> bool:
        """Tell whether a machine's batch was let through."""
        return self.halted is None and any(name in self.batches[index].hosts for index in self._begun)

    def _look(self, index: int, failed: Collection[str]) -> None:
        while self.halted is None and self._passed < index:
            batch = self.batches[self._passed]
            self._passed += 1
            faults = self.faults([name for name in batch.hosts if name not in failed])
            if faults:
                told = "; ".join(faults[:_TOLD])
                more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
                self.halted = f"the health gate after {', '.join(batch.hosts)} failed: {told}{more}"
        if self.halted is None and self.max_failures is not None and len(failed) > self.max_failures:
            self.halted = f"{len(failed)} machines failed, more than --max-failures {self.max_failures}"
