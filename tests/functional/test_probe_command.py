"""``cemops probe`` on an estate file, with the certificates that cemops itself makes, before a real httpd."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jsonschema
import pytest
import typer
from defusedxml.ElementTree import fromstring
from typer.testing import CliRunner, Result

from cemops.cli.probe import register
from cemops.errors import UsageError
from cemops.execution.estate_file import read_estate
from cemops.model.certificates import CertificateFacts
from cemops.pki.gateway_materials import gateway_key_pem, gateway_materials, make_missing
from cemops.pki.keyed_certificate import KeyedCertificate
from cemops.probe.checks import CheckId
from cemops.rendering.output_schemas import output_schema
from cemops.secret_store import SecretStore
from tests.functional.probe_bench import FQDN, HOSTS, Ca, Estate, free_port, self_signed
from tests.functional.probe_gateway import Planted, Servers, gateway_running, servers_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CANARY = "canary-passphrase-5d1c"

SCHEMA = output_schema("probe")

app = typer.Typer()
register(app)


@app.callback()
def _commands() -> None:
    """Keep ``probe`` a command of a group, as in cemops."""


@dataclass(frozen=True)
class Site:
    """An estate file in a folder, and what its gateway should be."""

    file: Path
    planted: Planted
    targets: Servers
    port: int


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate()


@pytest.fixture(scope="module")
def servers(estate: Estate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers_running(estate, tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture
def site(estate: Estate, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("PROBE_TEST_PASSPHRASE", CANARY)
    ns1, ps1, ps2 = HOSTS
    port = free_port()
    (tmp_path / "server-root.pem").write_text(estate.server_root.pem)
    file = tmp_path / "estate.yaml"
    file.write_text(
        f"""\
cemops: 1
estate: probe-test
pki: {{folder: pki, passphrase: "env:PROBE_TEST_PASSPHRASE"}}
authorities:
  ns1-root: {{kind: ns-root, source: local, common_name: NS1 Root}}
  server-root: {{kind: site-server-root, source: vendor, notification_server: ns1, certificate: server-root.pem}}
notification_servers:
  - name: ns1
    fqdn: {ns1}
    root_authority: ns1-root
    agent_site: {{port: {servers.ns1.port}, certificate: {{issued_by: server-root}}}}
site_server_settings:
  - notification_server: ns1
    web: {{cem: {{port: {servers.ps1.port}, certificate: {{issued_by: server-root}}}}}}
site_servers:
  - {{name: ps1, fqdn: {ps1}, notification_server: ns1, services: [package]}}
  - name: ps2
    fqdn: {ps2}
    notification_server: ns1
    services: [package]
    overrides: {{web: {{enabled: true, cem: {{port: {servers.ps2.port}}}}}}}
gateways:
  - name: gw1
    fqdn: {FQDN}
    public_address: 127.0.0.1
    listen: {{addresses: ["127.0.0.1"], port: {port}}}
    servers: [{{notification_server: ns1}}, {{site_server: ps1}}, {{site_server: ps2}}]
    certificate: {{self_signed: {{valid_years: 5}}}}
"""
    )
    return Site(file, _made(file), servers, port)


def _made(file: Path) -> Planted:
    """Let cemops make what the gateway needs; the gateway then runs with it."""
    loaded = read_estate(file)
    secrets = SecretStore(loaded.folder, os.environ)
    gateway, now = loaded.estate.gateways[0], datetime.now(UTC)
    make_missing(loaded.estate, loaded.folder, gateway, secrets, now, None)
    materials = gateway_materials(loaded.estate, loaded.folder, gateway, secrets, now)
    root = materials.authorities[0]
    certificate = materials.certificate.facts
    assert isinstance(certificate, CertificateFacts)
    assert root.certificate is not None
    assert root.crl is not None
    return Planted(
        client_ca=root.certificate.pem,
        crl=root.crl.pem,
        certificate=KeyedCertificate(certificate, gateway_key_pem(loaded.estate, loaded.folder, gateway, secrets)),
    )


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["probe", *arguments])


def test_the_whole_estate_passes_in_json(estate: Estate, site: Site) -> None:
    with gateway_running(estate, site.targets.all, site.planted, port=site.port):
        result = run("--estate", str(site.file), "--format", "json")
        cases = fromstring(run("--estate", str(site.file), "--format", "junit").stdout)
    document = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    bad = [one for one in document["checks"] if one["result"] != "pass"]
    assert (bad, result.exit_code) == ([], 0)
    assert {one["id"] for one in document["checks"]} == {check.value for check in CheckId}
    assert document["summary"] == {"pass": len(document["checks"]), "fail": 0, "skipped": 0}
    assert (cases.get("tests"), cases.get("failures")) == (str(len(document["checks"])), "0")
    inner = [one["detail"] for one in document["checks"] if one["id"] == "gateway.inner_tls"]
    assert inner[0] == f"opened, inner TLS 1.3 with {site.targets.ns1.host}, certificate verified"
    assert inner[2].endswith("chain not verified: its certificate is not declared as issued_by an authority")


def test_the_text_fits_80_columns_and_prints_no_secret(estate: Estate, site: Site) -> None:
    swapped = Planted(client_ca=site.planted.client_ca, crl=site.planted.crl, certificate=self_signed(FQDN))
    with gateway_running(estate, site.targets.all, swapped, port=site.port):
        text = run("--estate", str(site.file), "--timeout", "5")
        document = run("--estate", str(site.file), "--format", "json")
    assert (text.exit_code, document.exit_code) == (1, 1)
    assert max(map(len, text.stdout.splitlines())) <= 80
    assert "\x1b" not in text.stdout
    assert "gateway.thumbprint" in text.stdout
    assert "gw1 is not proven: " in text.stdout.replace("\n", " ")
    jsonschema.validate(json.loads(document.stdout), SCHEMA)
    for output in (text.stdout, text.stderr, document.stdout, document.stderr):
        assert CANARY not in output
        assert "PRIVATE KEY" not in output


def test_before_the_first_apply_what_cannot_be_had_is_skipped_with_the_reason(
    estate: Estate, site: Site, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "server-root.pem").write_text(estate.server_root.pem)
    (bare / "estate.yaml").write_text(site.file.read_text())
    with gateway_running(estate, site.targets.all, site.planted, port=site.port):
        result = run("--estate", str(bare / "estate.yaml"), "--format", "json")
    checks = {one["id"]: one for one in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 1
    assert checks["gateway.thumbprint"]["result"] == "skipped"
    assert "run `cemops apply`" in checks["gateway.thumbprint"]["detail"]
    assert checks["gateway.tunnel.allowed"]["detail"] == (
        "the authority ns1-root has not issued it yet: run `cemops apply`"
    )
    assert checks["gateway.deny.no_certificate"]["result"] == "pass"


def test_an_unknown_gateway_is_wrong_usage(site: Site) -> None:
    result = run("--estate", str(site.file), "--gateway", "gw9")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--gateway gw9: the estate has no such gateway: choose from gw1"


def test_a_time_without_meaning_is_wrong_usage(site: Site) -> None:
    assert isinstance(run("--estate", str(site.file), "--now", "yesterday").exception, UsageError)


def test_the_agents_authority_may_be_another_one(estate: Estate, site: Site) -> None:
    """The gateway trusts another root than the estate's: its agents are all refused, and the probe says so."""
    other: Ca = estate.root
    wrong = Planted(client_ca=other.pem, crl=other.crl(), certificate=site.planted.certificate)
    with gateway_running(estate, site.targets.all, wrong, port=site.port):
        result = run("--estate", str(site.file), "--format", "json")
    allowed = [one for one in json.loads(result.stdout)["checks"] if one["id"] == "gateway.tunnel.allowed"]
    assert {one["result"] for one in allowed} == {"fail"}
    assert allowed[0]["detail"].startswith("refused with the TLS alert 'unknown ca'; an expired CRL rejects")
