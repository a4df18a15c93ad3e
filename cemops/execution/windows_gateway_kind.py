"""The vendor's Internet gateway on Windows (IG-10), layouts ``smp-7`` and ``smp-8``: a Windows machine without IIS.

Its plan is the Windows gateway's (:mod:`cemops.planning.windows.gateway`), its transaction that of all Windows machines
with a rehearsal before and a look from outside after; it switches in turn with the Linux gateways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from pyinfra.api.host import Host

from cemops.execution.completed_change import COMPLETED_CHANGES
from cemops.execution.gateway_backup import AS_INSTALLED, NOT_WHOLE, BackupBeforeChange
from cemops.execution.gateway_look import OutsideLook, presented_by
from cemops.execution.machine_kind import Observation
from cemops.execution.windows_desired import Purposes
from cemops.execution.windows_gateway_backup import read_windows_gateway
from cemops.execution.windows_gateway_desired import found_trust, windows_gateway
from cemops.execution.windows_kind import WindowsKind
from cemops.execution.windows_machine import WindowsMachine
from cemops.execution.windows_state.request import FileWanted, FolderWanted, state_request
from cemops.execution.windows_transaction import GatewaySide
from cemops.model import topology
from cemops.model.gateways import Gateway
from cemops.model.host_lock import LockRequest
from cemops.model.windows_observed import ObservedWindows
from cemops.pki.gateway_materials import gateway_key_pem, make_missing, record_live
from cemops.pki.inspection import facts_from_pem
from cemops.pki.stored_backup import StoredBackup
from cemops.planning.revocation import LiveTrust
from cemops.planning.windows.gateway.desired import (
    CONFIGURATION,
    PACKED_CERTIFICATE,
    DesiredWindowsGateway,
    FoundTrust,
)
from cemops.planning.windows.gateway.folders import GATEWAY_SERVICE, GatewayFolders, install_folders
from cemops.planning.windows.gateway.moves import file_at
from cemops.planning.windows.gateway.plan import plan_windows_gateway
from cemops.planning.windows.gateway.service import RUNNING
from cemops.planning.windows.gateway.smp7 import trial_folders
from cemops.planning.windows.plan import WindowsPlan

if TYPE_CHECKING:
    from cemops.execution.estate_context import EstateContext
    from cemops.execution.estate_run import EstateRun

CONTENT_BELOW = 2 * 1024 * 1024
"""A CRL of 25,000 entries; of a larger one the hash is compared alone."""
RESTART_SECONDS = 150
"""What stopping and starting the service may take, on top of the declared ``confirm_seconds``."""
_HIDDEN = ("*.key", "*.pfx", "*.p12")
_PRESENTED = "presented"


class WindowsGatewayKind(WindowsKind):
    """A gateway of the vendor's on Windows."""

    deploy = "gateway"
    record_kind = "windows"
    needs_iis = False

    def want(self, context: EstateContext, name: str) -> dict[str, Any]:
        """Return the ``state`` request of a gateway: the usual install folders, too, to find it (IG-15)."""
        gateway = topology.gateway(context.estate, name)
        hosts = dict.fromkeys(target.host for target in topology.allow_list(context.estate, gateway))
        return state_request(
            services=(GATEWAY_SERVICE,),
            folders=_folders(gateway),
            names=hosts,
            files=(_httpd(gateway),),
            stores=(),
            registry=(COMPLETED_CHANGES,),
        )

    def read(self, run: EstateRun, host: Host, wanted: LockRequest | None = None) -> Observation:
        """Read the machine; of ``smp-8`` also what it presents, since its server.pfx cannot be read."""
        found = super().read(run, host, wanted)
        gateway = topology.gateway(run.context.estate, host.name)
        if gateway.layout != "smp-8":
            return found
        presented = presented_by(gateway)
        return replace(
            found,
            observed=replace(found.observed, presented=presented),
            record={**found.record, _PRESENTED: presented.pem if presented else None},
        )

    def from_record(self, record: Any) -> ObservedWindows:  # noqa: ANN401 - what a file holds
        """Read the machine's own answer again, and what it presented then."""
        observed = super().from_record(record)
        pem = record.get(_PRESENTED)
        return replace(observed, presented=facts_from_pem(pem)) if isinstance(pem, str) else observed

    def parts(self, run: EstateRun, name: str, observed: ObservedWindows) -> tuple[WindowsPlan, ...]:
        """Plan the gateway."""
        desired, found = self.desired(run, topology.gateway(run.context.estate, name), observed)
        return (plan_windows_gateway(desired, found, observed, run.now),)

    def desired(
        self, run: EstateRun, gateway: Gateway, observed: ObservedWindows
    ) -> tuple[DesiredWindowsGateway, FoundTrust]:
        """Return what the gateway should be, and what its files say now."""
        return windows_gateway(run.context, gateway, observed, run.now)

    def found(self, run: EstateRun, gateway: Gateway, observed: ObservedWindows) -> FoundTrust:
        """Return what the gateway's files say now."""
        return found_trust(run.context, gateway, observed)

    def key(self, run: EstateRun, gateway: Gateway) -> SecretStr:
        """Return the key that goes to the gateway with its certificate."""
        return gateway_key_pem(run.context.estate, run.context.folder, gateway, run.context.secrets)

    def purposes(self, context: EstateContext, name: str) -> Purposes:
        """Return nothing: a gateway's certificate is no certificate of IIS."""
        del context, name
        return {}

    def gateway_side(self, run: EstateRun, host: Host) -> GatewaySide:
        """Return its key, and its look from outside."""
        context = run.context
        gateway = topology.gateway(context.estate, host.name)
        first: ObservedWindows = run.observe(host).observed

        def expected() -> str | None:
            observed: ObservedWindows = run.observe(host).observed
            if gateway.layout == "smp-8":
                facts = first.presented or observed.presented
            else:
                facts = self.desired(run, gateway, observed)[0].choice.facts
            return None if facts is None else facts.sha256

        def runs() -> bool:
            service = first.services.get(GATEWAY_SERVICE)
            return service is not None and service.state == RUNNING

        look = OutsideLook(
            context,
            gateway,
            expected,
            runs,
            lambda sentence: run.say(host.name, sentence),
            only_new=gateway.layout == "smp-8",
            gate=run.gate,
        )
        asking = 0 if run.gate is None else run.gate.seconds(gateway.name)
        return GatewaySide(
            key=lambda: self.key(run, gateway),
            before=look.before,
            look=look.after,
            dead_man_seconds=gateway.confirm_seconds + RESTART_SECONDS + asking,
        )

    def prepared(self, run: EstateRun, host: Host, report: Callable[[str], None]) -> WindowsPlan:
        """Make what PKI has to make for this gateway, and plan with it."""
        gateway = topology.gateway(run.context.estate, host.name)
        observed: ObservedWindows = run.observe(host).observed
        run.guard(host, self.plan(run, host.name, observed))
        for sentence in self.make_missing(run, gateway, self.found(run, gateway, observed).live):
            report(sentence)
        plan = self.plan(run, host.name, observed)
        run.guard(host, plan)
        return plan

    def make_missing(
        self, run: EstateRun, gateway: Gateway, live: LiveTrust, *, with_certificate: bool = True
    ) -> tuple[str, ...]:
        """Make what PKI has to make; return sentences of what was made."""
        return make_missing(
            run.context.estate,
            run.context.folder,
            gateway,
            run.context.secrets,
            run.now,
            live.certificate,
            live_key_matches=live.key_matches,
            live_authorities=live.authorities,
            with_certificate=with_certificate and gateway.layout == "smp-7",
        )

    def backing_up(self, run: EstateRun, host: Host, report: Callable[[str], None]) -> BackupBeforeChange:
        """Return the backup that is taken before the gateway is touched (IG-11)."""
        context = run.context
        gateway = topology.gateway(context.estate, host.name)
        observed: ObservedWindows = run.observe(host).observed
        folders = GatewayFolders(gateway.root)
        live = self.found(run, gateway, observed).live
        if gateway.layout == "smp-8":
            has_all = file_at(observed, folders.certs, PACKED_CERTIFICATE) is not None
        else:
            has_configuration = file_at(observed, folders.conf, CONFIGURATION) is not None
            has_all = has_configuration and live.certificate is not None and live.key_matches
        # What an installer lays down lets no agent in: it must not become the latest backup after a fire.
        is_whole = has_all and bool(live.authorities)

        def read() -> StoredBackup:
            return read_windows_gateway(context, WindowsMachine(host), gateway, observed.presented)

        why_not = NOT_WHOLE if live.authorities else AS_INSTALLED
        return BackupBeforeChange(context, gateway.name, is_whole, why_not, read, report)

    def settled(self, run: EstateRun, name: str, observed: ObservedWindows) -> None:
        """Remember the certificate that a gateway serves which is as it should be (IG-06)."""
        gateway = topology.gateway(run.context.estate, name)
        live = self.found(run, gateway, observed).live.certificate
        if live is not None and self.plan(run, name, replace(observed, dead_men=())).is_empty:
            record_live(run.context.estate, run.context.folder, gateway, live.pem)


def _folders(gateway: Gateway) -> Iterator[FolderWanted]:
    for folders in install_folders(gateway):
        for marker in (folders.marker("smp-7"), folders.marker("smp-8")):
            yield FolderWanted(marker, CONTENT_BELOW if folders.root == gateway.root else 0, _HIDDEN)
    folders = GatewayFolders(gateway.root)
    read = (*folders.client_places(gateway.layout), *folders.crl_places(gateway.layout))
    if gateway.layout == "smp-7":
        read += (folders.apache_certs,)
    yield from (FolderWanted(path, CONTENT_BELOW, _HIDDEN) for path in read)
    yield from (FolderWanted(path, 0, _HIDDEN) for path in (folders.before, *trial_folders(folders)))


def _httpd(gateway: Gateway) -> FileWanted:
    return FileWanted(rf"{GatewayFolders(gateway.root).apache}\bin\httpd.exe")
