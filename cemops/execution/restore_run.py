"""The run in which one gateway becomes what its backup says (IG-11), planned and changed like any other run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cemops.execution.applied_estates import AppliedEstates
from cemops.execution.estate_run import EstateRun
from cemops.execution.gateway_restore import RestoringGateway
from cemops.execution.machine_kind import MachineKind
from cemops.execution.restored_parts import WHOLE, Part
from cemops.execution.windows_gateway_restore import RestoringWindowsGateway
from cemops.pki.gateway_backup import GatewayBackup
from cemops.pki.stored_backup import StoredBackup

Restoring = RestoringGateway | RestoringWindowsGateway


def restoring(backup: StoredBackup, parts: frozenset[Part] = WHOLE) -> Restoring:
    """Return how cemops deals with the gateway of a backup. Raises CemopsError where it can restore none of it."""
    if isinstance(backup, GatewayBackup):
        return RestoringGateway(backup, parts)
    return RestoringWindowsGateway(backup, parts)


@dataclass
class RestoreRun(EstateRun):
    """A run in which one gateway becomes what its backup says; the others' kinds are the estate's."""

    restoring: Restoring | None = None

    def kind(self, name: str) -> MachineKind:
        """Return how cemops deals with a machine."""
        if self.restoring is not None and self.restoring.backup.gateway == name:
            return self.restoring
        return super().kind(name)

    @cached_property
    def applied(self) -> AppliedEstates:
        """What is remembered of applies: a restored gateway is what its backup says, which no estate may declare."""
        return _NothingApplied(self.context, self._complain)


class _NothingApplied(AppliedEstates):
    def remember(self, hosts: Iterable[str]) -> None:
        """Leave what is remembered as it is."""
