"""Resource targets: sets of computers that policies and Internet sites apply to (SS-09, SS-10)."""

from __future__ import annotations

from cemops.model.section import Section
from cemops.model.values import ComputerPattern, DisplayName, Flag


class ResourceTarget(Section):
    """One target; membership is judged by computer names."""

    name: DisplayName
    """Name of the target on the platform."""
    builtin: Flag = False
    """A target that the platform brings along; it has no members here (not used yet)."""
    members: tuple[ComputerPattern, ...] = ()
    """Computers in the target; ``*`` stands for any characters, ``?`` for one (not used yet)."""
    excludes: tuple[ComputerPattern, ...] = ()
    """Computers left out of it (not used yet)."""
