"""The transaction that brings a gateway's plan to its host: DESIGN.md, "Gateway on disk".

Stage (write what is new beside what serves, and check it), rehearse (start it as a second httpd and look at it as an
agent would), switch (one rename and reload, with a dead-man timer already running), check from outside, confirm.
Killed at any point, the old or the fully checked new configuration serves: until the switch nothing live was touched;
after it the timer goes back by itself unless the confirmation stands.

Each step is one remote command at most. Steps raise CemopsError; the step that fails after the switch has reverted it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import SecretStr

from cemops.errors import HostError
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_desired import rehearsal_conf
from cemops.execution.gateway_host import TRANSACTION, GatewayHost
from cemops.execution.gateway_look import OutsideLook
from cemops.execution.gateway_payload import KEY_MODE, PLAIN_MODE, SCRIPT_MODE, Payload
from cemops.execution.health_gate import HealthGate
from cemops.execution.kernel_endpoints import kernel_endpoints
from cemops.execution.machine_kind import Step
from cemops.execution.outside_check import DIAL_SECONDS
from cemops.execution.refused_handshakes import since_switch
from cemops.model.observed import ObservedGateway
from cemops.pki.gateway_materials import gateway_key_pem, record_live
from cemops.planning.desired_gateway import DesiredGateway
from cemops.planning.gateway import GatewayPlan
from cemops.planning.release import Release
from cemops.planning.service import ServiceStep, sizing_text

STAGE_SECONDS = 120
REHEARSAL_SECONDS = 90
"""The rehearsal ends by itself after this long, should the operator be gone."""
REHEARSAL_PORTS = range(20_000, 32_000)
"""Below Linux' ephemeral ports (32768)."""
REHEARSAL_TRIES = 4
KEPT_RELEASES = 5


@dataclass
class GatewayTransaction:
    """Brings one gateway's plan to its host. ``report`` takes sentences for the operator."""

    context: EstateContext
    host: GatewayHost
    plan: GatewayPlan
    observed: ObservedGateway
    report: Callable[[str], None]
    gate: HealthGate | None = None
    """Asked before the confirmation."""
    key: SecretStr | None = None
    """The key to deliver, where it is a backup's; else it is what PKI holds."""
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    serving: bool = False
    """From the switch on: a failure then means that what was changed served for a moment."""
    _switched: bool = False
    _logged: int | None = None
    """Size of the error log when the switch began."""

    def steps(self) -> Iterator[Step]:
        """Yield what has to be done, in order; nothing for an empty plan."""
        if self.plan.is_empty:
            return
        yield Step("dial from outside", self._look.before)
        if self.plan.switch:
            yield Step("stage the release", self.stage)
            yield Step("rehearse it on a loopback port", self.rehearse)
            self.serving = True
            yield Step(f"switch and {self._mode}", self.switch)
            yield Step("check from outside, confirm", self.check_and_confirm)
        else:
            if self.plan.place_unit or self.plan.place_certificate or self.plan.make_account:
                yield Step("stage the files", self.stage)
            yield Step(f"{self._mode} httpd", self.serve)
            self.serving = True
            yield Step("check from outside", self.check)

    # --- steps --------------------------------------------------------------------------------------------------

    def stage(self) -> None:
        """Write the release beside the live one, certificate and key by content, and check them on the host."""
        desired = self.desired
        stem = f"{self.root}/tls/{desired.certificate_stem}"
        payload = Payload()
        payload.add("state/transaction.sh", TRANSACTION, SCRIPT_MODE)
        adopt = self._add_certificate(payload)
        if self.plan.place_unit and desired.unit is not None:
            payload.add("unit", desired.unit, PLAIN_MODE)
        release = self.plan.release
        if release is not None and self.plan.switch and not release.exists:
            for name, text in release.files.items():
                payload.add(f"release/{name}", text)
        account = self.host.gateway.service.account if self.observed.uid == 0 else None
        owner = account if self.host.gateway.service.manager == "systemd" else None
        self.host.run(
            "stage",
            [
                payload.sha256,
                owner or "",
                account or "",
                " ".join(kernel_endpoints(self.host.gateway.listen)),
                release.name if release else "",
                f"{stem}.crt",
                f"{stem}.key",
                *adopt,
                *payload.manifest,
            ],
            stdin=payload.stdin,
            seconds=STAGE_SECONDS,
        )

    def rehearse(self) -> None:
        """Start the staged release as a second httpd on a loopback port and look at it as an agent would."""
        release = self._release()
        for _ in range(REHEARSAL_TRIES):
            port = secrets.choice(REHEARSAL_PORTS)  # forks of one process would agree on what random chooses
            text = rehearsal_conf(self.desired, self.context, self.observed, release.name, port)
            try:
                self.host.run(
                    "rehearse",
                    [REHEARSAL_SECONDS, port, _colons(self._thumbprint())],
                    stdin=base64.b64encode(text.encode()).decode(),
                    seconds=REHEARSAL_SECONDS,
                )
                break
            except HostError as error:
                if f"rehearsal port {port} is taken" not in error.message:
                    raise
        else:
            raise HostError(self.host.name, "no free loopback port was found for the rehearsal; run apply again")
        self._look_at_rehearsal(port)

    def switch(self) -> None:
        """Start the dead-man timer, move ``current`` and bring it into service: one remote command."""
        lines = self.host.run(
            "switch",
            [
                self.token,
                self.observed.current or "",
                self._release().name,
                self.host.gateway.confirm_seconds,
                self._mode,
                sizing_text(self.desired.sizing),
                self.observed.service.started_with or sizing_text(self.desired.sizing),
            ],
            seconds=STAGE_SECONDS,
        )
        self._switched = True
        self._logged = next((int(line.split("\t")[1]) for line in lines if line.startswith("logged\t")), None)

    def check_and_confirm(self) -> None:
        """Look from outside; confirm, or go back at once."""
        try:
            self.check()
            self._look_for_refused()
        except Exception as error:  # noqa: BLE001 - whatever it was: nothing stays live that was not seen to work
            lines = self.host.run("revert", [self.token], seconds=STAGE_SECONDS)
            kept = any(line.startswith("kept\t") for line in lines)
            came = "stays, because the release before it no longer works" if kept else "was reverted"
            raise HostError(
                self.host.name, f"the switched gateway failed its check from outside and {came}: {error}"
            ) from None
        self.host.run("confirm", [self.token, KEPT_RELEASES], seconds=STAGE_SECONDS)
        if self.desired.certificate_pem is not None:
            record_live(self.context.estate, self.context.folder, self.host.gateway, self.desired.certificate_pem)

    def serve(self) -> None:
        """Start, reload or restart httpd on the release that is live already."""
        self.host.run("serve", [self._mode, sizing_text(self.desired.sizing)], seconds=STAGE_SECONDS)

    def check(self) -> None:
        """Look at the gateway from outside, as agents do; raise HostError with what speaks against it."""
        faults = self._look.after()
        if faults:
            raise HostError(self.host.name, "; ".join(faults))

    # --- what they need ---------------------------------------------------------------------------------------------

    @cached_property
    def _look(self) -> OutsideLook:
        return OutsideLook(
            self.context,
            self.host.gateway,
            self._thumbprint,
            self._is_served,
            self.report,
            gate=self.gate,
            hold=self._hold,
        )

    @property
    def desired(self) -> DesiredGateway:
        """The desired state that the plan was made from."""
        if self.plan.desired is None:
            raise HostError(self.host.name, "the plan does not say what is desired; plan again")
        return self.plan.desired

    @property
    def root(self) -> str:
        """The gateway's folder on the host."""
        return self.host.gateway.root

    @property
    def _mode(self) -> str:
        step = self.plan.service
        return str(ServiceStep.RELOAD if step is ServiceStep.NONE else step)

    def _release(self) -> Release:
        if self.plan.release is None:
            raise HostError(self.host.name, "the release is not known yet; plan again")
        return self.plan.release

    def _thumbprint(self) -> str:
        facts = self.desired.choice.facts
        if facts is None:
            raise HostError(self.host.name, "the certificate is not known yet; plan again")
        return facts.sha256

    def _add_certificate(self, payload: Payload) -> tuple[str, str]:
        """Add certificate and key to the payload, or return the paths on the host to copy them from."""
        desired, found = self.desired, self.observed.certificate
        if not self.plan.place_certificate:
            return ("", "")
        if desired.choice.action == "keep" and found is not None:
            return (found.certificate_path, found.key_path)
        key = self.key or gateway_key_pem(
            self.context.estate, self.context.folder, self.host.gateway, self.context.secrets
        )
        payload.add(f"tls/{desired.certificate_stem}.key", key.get_secret_value(), KEY_MODE)
        payload.add(f"tls/{desired.certificate_stem}.crt", desired.certificate_pem or "")
        return ("", "")

    def _look_at_rehearsal(self, port: int) -> None:
        try:
            result = self._look.view.look(self.host.dial(port, timeout=DIAL_SECONDS), self._thumbprint())
        except (ConnectionError, HostError) as error:
            self.report(f"the rehearsal was checked on the host only: {error}")
            return
        if any("did not forward" in fault for fault in result.faults):
            self.report(f"the rehearsal was checked on the host only: {result.faults[0]}")
            return
        if result.faults:
            self.host.run("end-rehearsal", [], seconds=STAGE_SECONDS)
            raise HostError(self.host.name, f"the rehearsal failed, nothing was switched: {'; '.join(result.faults)}")
        for target in result.targets:
            if not target.opened:
                self.report(f"{target.target} did not answer through the rehearsal: {target.detail}")
        self._look.targets = tuple(target.target for target in result.targets if target.opened)

    def _hold(self, seconds: int) -> None:
        """Let the switch wait longer for its confirmation: the health gate takes its time."""
        if self._switched:
            self.host.run("hold", [self.token, seconds], seconds=STAGE_SECONDS)

    def _look_for_refused(self) -> None:
        """Fail where agents that got in before are refused since the switch; what came of it else is told."""
        if self._logged is None or not self.observed.service.running:
            return  # nobody was let in or refused before
        lines = self.host.run("refused", [self._logged], seconds=STAGE_SECONDS)
        wanted = [one.certificate.subject for one in self.desired.materials.authorities if one.certificate is not None]
        refused = since_switch(lines, wanted)
        for sentence in refused.sentences:
            self.report(sentence)
        if refused.faults:
            raise HostError(self.host.name, f"handshakes are refused since the switch: {'; '.join(refused.faults)}")

    def _is_served(self) -> bool:
        """Tell whether agents find something on the port: httpd runs, and its live configuration listens there."""
        if not self.observed.service.running:
            return False
        port = str(self.host.gateway.listen.port)
        listens = (
            line.split()[1]
            for line in self.observed.live_files.get("httpd.conf", "").splitlines()
            if line.startswith("Listen ")
        )
        return any(endpoint.rpartition(":")[2] == port for endpoint in listens)


def _colons(thumbprint: str) -> str:
    """Write a thumbprint as openssl prints it."""
    return ":".join(thumbprint[index : index + 2] for index in range(0, len(thumbprint), 2))
