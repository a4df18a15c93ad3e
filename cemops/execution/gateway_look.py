"""A gateway seen from outside: before it is touched, and after, before its change is confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from cemops.errors import CemopsError, HostError
from cemops.execution.estate_context import EstateContext
from cemops.execution.health_gate import HealthGate
from cemops.execution.outside_check import DIAL_SECONDS, AgentsView, outside_of
from cemops.model import topology
from cemops.model.certificates import CertificateFacts
from cemops.model.gateways import Gateway
from cemops.pki.inspection import certificate_facts, certificates_from_bytes
from cemops.probe.agent import Agent

CHECK_TRIES = 3
CHECK_PAUSE_SECONDS = 1.0


def presented_by(gateway: Gateway) -> CertificateFacts | None:
    """Return the certificate that a gateway presents to whoever dials it from here; None where it presents none."""
    visit = Agent(outside_of(gateway), sni=gateway.fqdn, thumbprint=None, timeout=DIAL_SECONDS).greet()
    if visit.presented is None:
        return None
    return certificate_facts(certificates_from_bytes(visit.presented.der, f"the certificate of {gateway.name}")[0])


@dataclass
class OutsideLook:
    """What agents would see. ``report`` takes sentences for the operator.

    ``expected`` returns the thumbprint that is to be presented now. With ``only_new``, what was wrong before the change
    counts for nothing afterwards: of ``smp-8`` cemops does not set the allow-list.
    """

    context: EstateContext
    gateway: Gateway
    expected: Callable[[], str | None]
    runs: Callable[[], bool]
    """Whether agents found something on its port when it was observed."""
    report: Callable[[str], None]
    only_new: bool = False
    gate: HealthGate | None = None
    """Asked where the look itself finds nothing."""
    hold: Callable[[int], None] = lambda _: None
    """Makes a change wait so many seconds from now for its confirmation; raises HostError where it waits no more."""
    known: frozenset[str] = frozenset()
    targets: tuple[str, ...] = ()
    """What must be reachable; empty: any of what the gateway lists."""

    def before(self) -> None:
        """Refuse to touch a gateway that could not be checked from outside afterwards."""
        try:
            outside_of(self.gateway)().close()
        except ConnectionRefusedError as error:
            if self.runs():
                raise self._not_dialled(str(error)) from None
            return
        except OSError as error:
            raise self._not_dialled(str(error) or type(error).__name__) from None
        if self.only_new:
            self.known = frozenset(self._faults())

    def after(self) -> tuple[str, ...]:
        """Return what speaks against the gateway; whatever goes wrong here speaks against it."""
        try:
            faults = tuple(fault for fault in self._tried() if fault not in self.known)
            return faults or self._gate_faults()
        except (CemopsError, OSError) as error:
            return (f"the check from outside failed: {error}",)

    def _gate_faults(self) -> tuple[str, ...]:
        for reason in self.view.missing:
            self.report(f"not-proven: no agent's certificate, so no tunnel was opened for {reason} (C-04)")
        if self.gate is None:
            return ()
        seconds = self.gate.seconds(self.gateway.name)
        self.hold(seconds + self.gateway.confirm_seconds)  # what comes after the gate takes time, too
        return tuple(f"health gate: {fault}" for fault in self.gate.faults(self.gateway.name, self.expected()))

    def _tried(self) -> tuple[str, ...]:
        faults = self._faults()
        for _ in range(CHECK_TRIES - 1):
            if not faults:
                break
            time.sleep(CHECK_PAUSE_SECONDS)
            faults = self._faults()
        return faults

    def _faults(self) -> tuple[str, ...]:
        thumbprint = self.expected()
        if thumbprint is None:
            return ("it presents no certificate",)
        view = replace(self.view, targets=self.targets) if self.targets else self.view
        result = view.look(view.outside(), thumbprint)
        if not result.faults and not result.proven and view.agents:
            self.report(
                "not-proven: the gateway lets the agent through, but no server behind it answers (PT-02, PT-03)"
            )
        return result.faults

    @cached_property
    def view(self) -> AgentsView:
        """Targets and agents' certificates; reading their keys takes a while, so once a change."""
        return AgentsView.of(self.context, self.gateway)

    def _not_dialled(self, reason: str) -> HostError:
        place = f"{topology.dial_address(self.gateway)}:{self.gateway.listen.port}"
        return HostError(
            self.gateway.name,
            f"{place} cannot be dialled from here ({reason}), so the result could not be checked; nothing was touched. "
            "Open the way, or set public_address",
        )
