"""One HTTPS binding as it is found: its row of SS-05, its endpoint, and who depends on that endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from cemops.model.windows_observed import SslEntry
from cemops.planning.windows.binding_views import ToBind, of_entry
from cemops.planning.windows.endpoints import Endpoint, SiteBinding, endpoint_of_entry, of_iis
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.placement import Placed
from cemops.planning.windows.plan import WindowsPlan
from cemops.planning.windows.ports import sharing
from cemops.planning.windows.rollout_table import RolloutRow


@dataclass(frozen=True)
class Outcome:
    """What becomes of one binding. ``stands``: it is in IIS once the plan is done, so what is old may go."""

    plan: WindowsPlan
    stands: bool = False
    known: bool = True
    """Its actions are in the plan; not so while its certificate is still to be made."""
    taken: tuple[SiteBinding, ...] = ()
    """Bindings of other sites that the plan removes for it."""


@dataclass(frozen=True)
class Situation:
    """Everything that the row's consequences depend on."""

    machine: Machine
    placed: Placed
    row: RolloutRow
    own: SiteBinding
    endpoint: Endpoint
    exact: SslEntry | None
    """The entry of exactly this endpoint."""
    current: SslEntry | None
    """The entry that answers there now: the exact one; for a binding that is there, else a wildcard's."""
    taken: tuple[SiteBinding, ...]

    @property
    def reason(self) -> str:
        """What the plan says of its row."""
        if self.row.certificate == "declared":
            return f"{self.row.says} (SS-05)"
        return f"{self.placed.desired.why_not_installed}: {self.row.says} (SS-05)"

    @property
    def in_use(self) -> bool:
        """Whether the current entry serves somebody, or is another program's."""
        if self.current is None:
            return False
        users = self.machine.http_sys.users(endpoint_of_entry(self.current))
        return bool(users) or not of_iis(self.current)

    @property
    def may_replace(self) -> bool:
        """Whether the endpoint's certificate may change."""
        return self.row.force_overwrite or not self.in_use

    @property
    def others(self) -> tuple[SiteBinding, ...]:
        """Other bindings whose certificate changes with it."""
        return sharing(self.machine.http_sys, self.endpoint, self.own, self.taken)

    @property
    def served(self) -> ToBind | None:
        """What clients of the endpoint get now."""
        return None if self.current is None else of_entry(self.machine, self.current)
