"""What a restore plans, without a host: the same release from a backup, in whole, in part, elsewhere, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.gateway_desired import desired_gateway
from cemops.execution.gateway_restore import RestoringGateway
from cemops.execution.restore_run import RestoreRun
from cemops.execution.restored_parts import WHOLE, Part
from cemops.model import topology
from cemops.model.observed import ObservedGateway
from cemops.pki import authorities, made_certificates, probe_agents
from cemops.pki.authorities import load_issuer
from cemops.pki.crl import issue_crl
from cemops.pki.folder import pki_folder
from cemops.pki.gateway_backup import GatewayBackup
from cemops.pki.gateway_materials import gateway_key_pem, make_missing, record_live
from cemops.planning.gateway import GatewayPlan, plan_gateway
from cemops.planning.revocation import LiveTrust
from tests.unit.planning.gateway_situations import observed
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PARTS_OF_PKI = frozenset({Part.CERTIFICATES, Part.CLIENT_CAS})


@dataclass
class Situation:
    """An estate, a gateway that was applied from it, and its backup."""

    folder: Path
    planned: GatewayPlan
    backup: GatewayBackup
    empty: ObservedGateway

    def context(self, **changes: object) -> EstateContext:
        return _context(self.folder, {key.replace("__", "."): value for key, value in changes.items()})

    def plan(
        self,
        parts: frozenset[Part] = WHOLE,
        *,
        now: datetime = NOW,
        backup: GatewayBackup | None = None,
        **changes: object,
    ) -> GatewayPlan:
        restoring = RestoringGateway(backup or self.backup, parts)
        run = RestoreRun(self.context(**changes), now, restoring=restoring)
        found = run.kind("gw1")
        assert found is restoring
        return restoring.plan(run, "gw1", self.empty)


def _context(folder: Path, changes: dict[str, object]) -> EstateContext:
    file = folder / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data(changes)), "utf-8")
    return EstateContext.of(read_estate(file))


@pytest.fixture
def situation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Situation:
    for module in (authorities, made_certificates, probe_agents):
        for name in ("new_authority_key", "new_leaf_key"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda: ec.generate_private_key(ec.SECP256R1()))
    monkeypatch.setenv("PKI_PASSPHRASE", "canary-restore-77aa")
    context = _context(tmp_path, {})
    estate, gateway = context.estate, topology.gateway(context.estate, "gw1")
    make_missing(estate, tmp_path, gateway, context.secrets, NOW, None)
    empty = observed(own_addresses=("127.0.0.1",))
    hosts = desired_gateway(context, gateway, empty, LiveTrust(), NOW).hosts
    empty = replace(empty, resolved=dict.fromkeys(hosts, ("10.20.0.10",)))
    desired = desired_gateway(context, gateway, empty, LiveTrust(), NOW)
    planned = plan_gateway(desired, empty, LiveTrust(), NOW)
    assert planned.errors == ()
    assert planned.release is not None
    stem = f"{gateway.root}/tls/{desired.certificate_stem}"
    backup = GatewayBackup(
        estate=estate.estate,
        gateway="gw1",
        created=NOW,
        root=gateway.root,
        release=planned.release.name,
        files=planned.release.files,
        certificate_path=f"{stem}.crt",
        key_path=f"{stem}.key",
        certificate=desired.certificate_pem or "",
        key=gateway_key_pem(estate, tmp_path, gateway, context.secrets),
        unit=desired.unit,
    )
    backup.check()
    return Situation(tmp_path, planned, backup, empty)


def test_the_whole_backup_is_the_same_release_though_nothing_is_left_of_the_pki_folder(situation: Situation) -> None:
    (situation.folder / "pki").rename(situation.folder / "gone")
    restored = situation.plan()
    assert restored.errors == ()
    assert restored.release == situation.planned.release
    assert restored.desired is not None
    assert restored.desired.unit == situation.backup.unit
    assert restored.place_certificate
    assert restored.cut_off == ()


def test_each_part_alone_gives_the_same_release_where_the_estate_has_not_changed(situation: Situation) -> None:
    for part in Part:
        restored = situation.plan(frozenset({part}))
        assert (part, restored.errors) == (part, ())
        assert restored.release == situation.planned.release, part


def test_on_another_root_every_path_moves(situation: Situation) -> None:
    restored = situation.plan(gateways__0__root="/srv/gateway")
    assert restored.errors == ()
    assert restored.release is not None
    assert restored.desired is not None
    for text in (*restored.release.files.values(), restored.desired.unit or ""):
        assert situation.backup.root not in text
    assert 'ServerRoot "/srv/gateway"' in restored.release.files["httpd.conf"]
    assert f"/srv/gateway/releases/{restored.release.name}/client-ca.pem" in restored.release.files["httpd.conf"]


def test_a_changed_capacity_is_restored_with_the_configuration_alone(situation: Situation) -> None:
    larger = {"concurrent_connections": 15_000}
    whole = situation.plan(gateways__0__capacity=larger)
    certificates = situation.plan(frozenset({Part.CERTIFICATES}), gateways__0__capacity=larger)
    assert whole.desired is not None
    assert certificates.desired is not None
    assert whole.release == situation.planned.release
    assert whole.desired.sizing.server_limit < certificates.desired.sizing.server_limit


def test_what_runs_out_is_refused(situation: Situation) -> None:
    late = situation.plan(now=NOW + timedelta(days=400))
    assert any("CRL" in error and "expired" in error for error in late.errors)
    later = situation.plan(now=NOW + timedelta(days=365 * 6))
    assert any("leave certificates out of --parts" in error for error in later.errors)


def test_who_is_revoked_today_is_not_let_in_again(situation: Situation) -> None:
    context = situation.context()
    pki = pki_folder(context.estate, context.folder)
    issuer = load_issuer(context.estate, pki, "ns1-root", context.secrets)
    with pki.locked():
        issue_crl(pki, "ns1-root", issuer, 365, NOW, revoke=(11, 12))
    assert any("names 2 that the backup's does not" in error for error in situation.plan().errors)
    assert situation.plan(PARTS_OF_PKI).errors == ()


def test_todays_lists_that_cannot_be_read_are_a_warning(situation: Situation) -> None:
    context = situation.context()
    pki_folder(context.estate, context.folder).crl("ns1-root").write_text("damaged", "utf-8")
    restored = situation.plan()
    assert restored.errors == ()
    assert "crl-not-compared" in [warning.code for warning in restored.warnings]


def test_another_certificate_than_the_one_that_served_last_cuts_agents_off(situation: Situation) -> None:
    context = situation.context()
    gateway = topology.gateway(context.estate, "gw2")
    make_missing(context.estate, context.folder, gateway, context.secrets, NOW, None)
    other = pki_folder(context.estate, context.folder).gateway("gw2").certificate.read_text("ascii")
    record_live(context.estate, context.folder, topology.gateway(context.estate, "gw1"), other)
    assert len(situation.plan().cut_off) == 1


def test_a_configuration_for_another_port_cannot_be_checked_and_is_refused(situation: Situation) -> None:
    restored = situation.plan(gateways__0__listen={"port": 8443})
    assert any("listens on port 443, the estate says 8443" in error for error in restored.errors)
    assert situation.plan(PARTS_OF_PKI, gateways__0__listen={"port": 8443}).errors == ()


def test_a_configuration_that_knows_no_lists_is_not_joined_with_todays(situation: Situation) -> None:
    text = situation.backup.files["httpd.conf"]
    lines = [line for line in text.splitlines(keepends=True) if "SSLCARevocation" not in line]
    unaware = replace(situation.backup, files={**situation.backup.files, "httpd.conf": "".join(lines)})
    restored = situation.plan(frozenset({Part.CONFIGURATION}), backup=unaware)
    assert any("written for other CRLs" in error for error in restored.errors)


def test_only_the_restored_gateway_is_dealt_with_by_its_backup(situation: Situation) -> None:
    run = RestoreRun(situation.context(), NOW, restoring=RestoringGateway(situation.backup))
    assert not isinstance(run.kind("gw2"), RestoringGateway)
    run.applied.remember(["gw1"])
    assert run.applied.context_of("gw1") is None
