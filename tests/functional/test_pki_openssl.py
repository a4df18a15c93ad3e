"""What cemops issues, judged by openssl: chains, purposes, revocation, encrypted keys (RFC 5280, CE-02, CE-08)."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cemops.model.estate import Estate
from cemops.pki.folder import PkiFolder, pki_folder
from cemops.pki.gateway_materials import gateway_key_pem, gateway_materials, make_missing
from cemops.pki.keyed_certificate import read_pfx
from cemops.pki.probe_certificates import probe_certificates
from cemops.secret_store import SecretStore

pytestmark = pytest.mark.slow

PASSPHRASE = "canary-passphrase-77"
NOW = datetime.now(UTC)

DOCUMENT = {
    "cemops": 1,
    "estate": "openssl",
    "pki": {"passphrase": "env:PKI"},
    "authorities": {
        "ns1-root": {"kind": "ns-root", "source": "local", "notification_server": "ns1", "common_name": "NS1 Root"},
        "dmz-ca": {"kind": "gateway-ca", "source": "local", "common_name": "DMZ, CA + Söhne", "valid_years": 10},
    },
    "notification_servers": [
        {"name": "ns1", "fqdn": "ns1.corp.example", "version": "8.6 RU2", "root_authority": "ns1-root"}
    ],
    "gateways": [
        {"name": "gw1", "fqdn": "gw1.northwind.example", "servers": [{"notification_server": "ns1"}]},
        {
            "name": "gw2", "fqdn": "gw2.northwind.example", "servers": [{"notification_server": "ns1"}],
            "certificate": {"issued_by": "dmz-ca"},
        },
    ],
}  # fmt: skip

ESTATE = Estate.model_validate(DOCUMENT)


def openssl(*arguments: str | Path, feed: str = "") -> tuple[int, str]:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=feed, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("estate")
    for gateway in ESTATE.gateways:
        assert make_missing(ESTATE, folder, gateway, secrets(folder), NOW, None)
    return folder


def secrets(folder: Path) -> SecretStore:
    return SecretStore(folder, {"PKI": PASSPHRASE})


@pytest.fixture(scope="module")
def pki(folder: Path) -> PkiFolder:
    return pki_folder(ESTATE, folder)


def verify_agent(pki: PkiFolder, role: str) -> tuple[int, str]:
    return openssl(
        "verify", "-x509_strict", "-crl_check", "-purpose", "sslclient",
        "-CAfile", pki.authority("ns1-root").certificate, "-CRLfile", pki.crl("ns1-root"),
        pki.agent("ns1-root", role).certificate,
    )  # fmt: skip


def test_the_agent_is_a_valid_client(pki: PkiFolder) -> None:
    assert verify_agent(pki, "agent")[0] == 0


def test_the_agent_is_no_server(pki: PkiFolder) -> None:
    code, text = openssl(
        "verify", "-purpose", "sslserver", "-CAfile", pki.authority("ns1-root").certificate,
        pki.agent("ns1-root", "agent").certificate,
    )  # fmt: skip
    assert code != 0
    assert "purpose" in text


@pytest.mark.parametrize(
    ("role", "problem"), [("expired", "certificate has expired"), ("revoked", "certificate revoked")]
)
def test_the_others_are_refused_for_their_own_reason_alone(pki: PkiFolder, role: str, problem: str) -> None:
    code, text = verify_agent(pki, role)
    assert code != 0
    assert [line for line in text.splitlines() if " lookup: " in line] == [
        line for line in text.splitlines() if line.endswith(problem)
    ]
    assert problem in text


def test_the_crl_bears_the_authoritys_signature_and_a_number(pki: PkiFolder) -> None:
    code, text = openssl(
        "crl", "-in", pki.crl("ns1-root"), "-CAfile", pki.authority("ns1-root").certificate, "-noout", "-text"
    )
    assert code == 0
    assert "verify OK" in text
    assert "X509v3 CRL Number" in text
    assert "X509v3 Authority Key Identifier" in text


@pytest.mark.parametrize(("gateway", "authority"), [("gw1", None), ("gw2", "dmz-ca")], ids=["self-signed", "issued"])
def test_the_gateways_certificate_is_a_valid_server_for_its_name(
    pki: PkiFolder, gateway: str, authority: str | None
) -> None:
    certificate = pki.gateway(gateway).certificate
    trusted = certificate if authority is None else pki.authority(authority).certificate
    arguments = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", trusted)
    assert openssl(*arguments, "-verify_hostname", f"{gateway}.northwind.example", certificate)[0] == 0
    code, text = openssl(*arguments, "-verify_hostname", "gw9.northwind.example", certificate)
    assert code != 0
    assert "hostname mismatch" in text


def test_a_gateway_certificate_cannot_be_used_as_an_authority(pki: PkiFolder) -> None:
    _, text = openssl("x509", "-in", pki.gateway("gw1").certificate, "-noout", "-text")
    assert "CA:FALSE" in text
    assert "RSA" in text
    assert "Public-Key: (2048 bit)" in text


def test_authorities_may_sign_and_nothing_else(pki: PkiFolder) -> None:
    _, text = openssl("x509", "-in", pki.authority("dmz-ca").certificate, "-noout", "-text")
    assert "CA:TRUE, pathlen:0" in text
    assert "Certificate Sign, CRL Sign" in text
    assert "Public-Key: (3072 bit)" in text
    assert "sha256WithRSAEncryption" in text


def test_thumbprints_are_those_that_openssl_shows(folder: Path, pki: PkiFolder) -> None:
    facts = gateway_materials(ESTATE, folder, ESTATE.gateways[0], secrets(folder), NOW).certificate.facts
    assert facts is not None
    for name, value in (("sha1", facts.sha1), ("sha256", facts.sha256)):
        _, text = openssl("x509", "-in", pki.gateway("gw1").certificate, "-noout", "-fingerprint", f"-{name}")
        assert text.strip().split("=")[1].replace(":", "") == value


def test_every_key_is_encrypted_and_opens_with_the_passphrase_alone(pki: PkiFolder) -> None:
    keys = list(pki.path.rglob("*key.pem"))
    assert len(keys) == 7
    for key in keys:
        assert openssl("pkey", "-in", key, "-passin", "pass:wrong", "-noout")[0] != 0
        assert openssl("pkey", "-in", key, "-passin", "stdin", "-noout", feed=PASSPHRASE + "\n")[0] == 0


def test_the_key_for_delivery_is_the_certificates(folder: Path, pki: PkiFolder) -> None:
    pem = gateway_key_pem(ESTATE, folder, ESTATE.gateways[1], secrets(folder)).get_secret_value()
    _, of_key = openssl("pkey", "-pubout", feed=pem)
    _, of_certificate = openssl("x509", "-in", pki.gateway("gw2").certificate, "-noout", "-pubkey")
    assert of_key == of_certificate


def test_a_pfx_made_by_openssl_is_read(folder: Path, pki: PkiFolder, tmp_path: Path) -> None:
    path = tmp_path / "gw2.pfx"
    code, text = openssl(
        "pkcs12", "-export", "-inkey", pki.gateway("gw2").key, "-in", pki.gateway("gw2").certificate,
        "-certfile", pki.authority("dmz-ca").certificate, "-passin", f"pass:{PASSPHRASE}", "-passout", "pass:x", "-out", path,
    )  # fmt: skip
    assert code == 0, text
    password = SecretStore(folder, {"X": "x"}).resolve("env:X")
    package = read_pfx(path, password)
    material = gateway_materials(ESTATE, folder, ESTATE.gateways[1], secrets(folder), NOW).certificate
    assert package.facts == material.facts
    assert package.chain == ()


def test_an_extended_crl_still_verifies_and_still_revokes(tmp_path: Path) -> None:
    pki = pki_folder(ESTATE, tmp_path)
    gateway = ESTATE.gateways[0]
    early = NOW - timedelta(days=400)
    make_missing(ESTATE, tmp_path, gateway, secrets(tmp_path), early, None)
    assert "CRL has expired" in verify_agent(pki, "agent")[1]
    live = gateway_materials(ESTATE, tmp_path, gateway, secrets(tmp_path), NOW).certificate.facts
    (sentence,) = make_missing(ESTATE, tmp_path, gateway, secrets(tmp_path), NOW, live)
    assert sentence.startswith("made CRL 2 ")
    assert verify_agent(pki, "agent")[0] == 0
    assert "certificate revoked" in verify_agent(pki, "revoked")[1]


def test_the_strangers_authority_is_unknown(folder: Path, pki: PkiFolder, tmp_path: Path) -> None:
    stranger = probe_certificates(ESTATE, folder, ESTATE.gateways[0], "ns1", secrets(folder), NOW).unknown_ca
    assert stranger is not None
    path = tmp_path / "stranger.pem"
    path.write_text(stranger.certificate_pem)
    code, text = openssl("verify", "-CAfile", pki.authority("ns1-root").certificate, path)
    assert code != 0
    assert "unable to get local issuer certificate" in text
