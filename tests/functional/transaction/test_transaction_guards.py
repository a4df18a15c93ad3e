"""Guards: change windows, the thumbprint that agents pin, a lost pki folder; the same from cemops and stock pyinfra."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.functional.transaction.bench import Bench, Document

pytestmark = pytest.mark.slow

PASSWORD = "canary-pfx-7c21"


def write_pfx(bench: Bench) -> str:
    """Another certificate for gw1, fit for its name; return its SHA-256 thumbprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw1.lab.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=700))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("gw1.lab.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    content = pkcs12.serialize_key_and_certificates(
        b"gw1", key, certificate, None, serialization.BestAvailableEncryption(PASSWORD.encode())
    )
    (bench.lab.folder / "certs" / "gw1.pfx").write_bytes(content)
    secret = bench.lab.folder / "secrets" / "pfx"
    secret.write_text(PASSWORD + "\n", "utf-8")
    secret.chmod(0o600)
    bench.edit_gateway("gw1", certificate={"pfx": "certs/gw1.pfx", "password": f"file:{secret}"})
    return certificate.fingerprint(hashes.SHA256()).hex().upper()


def test_a_live_thumbprint_changes_only_when_the_loss_is_accepted(bench: Bench) -> None:
    old = bench.thumbprint("gw1")
    new = write_pfx(bench)
    planned = bench.plan("--format", "json")
    assert planned.code == 2
    (change,) = [change for change in planned.json["hosts"][0]["changes"] if change["resource"] == "certificate"]
    assert change["action"] == "replace"
    assert (change["before"]["sha256"], change["after"]["sha256"]) == (old, new)
    assert "agents-cut-off" in [warning["code"] for warning in change["warnings"]]
    live = bench.live("gw1")
    for refused in (bench.apply(), bench.apply("--accept-lockout", "2")):
        assert refused.code == 3, refused.everything
        assert "--accept-lockout 1" in refused.err
    assert "--accept-lockout 2 was given, 1 is listed" in refused.err
    stock = bench.pyinfra("-y")
    assert stock.code != 0
    assert "cemops apply --accept-lockout" in (stock.out + stock.err).replace("\n", " ").replace("  ", " ")
    assert (bench.live("gw1"), bench.thumbprint("gw1")) == (live, old)
    done = bench.apply("--accept-lockout", "1")
    assert done.code == 0, done.everything
    assert bench.thumbprint("gw1") == new
    assert bench.serves("gw1")
    after = bench.plan()
    assert after.code == 0, after.everything
    assert PASSWORD not in planned.out + done.out + done.err + stock.out + stock.err
    bench.edit_gateway("gw1", certificate={"self_signed": {"valid_years": 5}})
    kept = bench.plan("--limit", "gw1", "--format", "json").json["hosts"][0]["changes"]
    assert not [change for change in kept if change["resource"] == "certificate"], "a fitting live one stays"
    bench.edit_gateway("gw1", certificate={"thumbprint": old})
    refused = bench.apply("--limit", "gw1")
    assert refused.code == 3
    assert "was given" not in refused.err
    back = bench.apply("--limit", "gw1", "--accept-lockout", "1")
    assert back.code == 0, back.everything
    assert bench.thumbprint("gw1") == old


def test_a_lost_folder_of_certificates_makes_no_new_one(bench: Bench) -> None:
    old = bench.thumbprint("gw2")
    pki = bench.lab.folder / "pki"
    shutil.copytree(pki, bench.lab.folder / "pki-backup")
    try:
        shutil.rmtree(pki / "gateways")
        planned = bench.plan("--limit", "gw2")
        assert planned.code == 0, planned.everything
        assert "unrecorded-certificate" in planned.out
        new = bench.list_new_name("gw2")
        done = bench.apply("--limit", "gw2", "--accept-lockout", "1")
        assert done.code == 0, done.everything
        assert "--accept-lockout 1 was not needed: this cuts no agent off" in done.err
        assert bench.thumbprint("gw2") == old
        assert bench.opens("gw2", new)
    finally:
        shutil.rmtree(pki)
        (bench.lab.folder / "pki-backup").rename(pki)


def test_a_lost_folder_of_authorities_is_refused(bench: Bench) -> None:
    bench.list_new_name("gw2")
    live = bench.live("gw2")
    pki = bench.lab.folder / "pki"
    shutil.copytree(pki, bench.lab.folder / "pki-backup")
    try:
        shutil.rmtree(pki / "authorities")
        for said in (bench.plan("--limit", "gw2"), bench.apply("--limit", "gw2")):
            assert said.code == 1
            assert "restore the pki folder" in said.out.replace("\n    ", " ")
        assert not (pki / "authorities" / "ns1-root").exists()
        assert bench.live("gw2") == live
    finally:
        shutil.rmtree(pki)
        (bench.lab.folder / "pki-backup").rename(pki)


def test_outside_the_change_windows_nothing_is_changed(bench: Bench) -> None:
    bench.list_new_name("gw1", "gw2")
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(datetime.now(UTC).weekday() + 3) % 7]

    def change(document: Document) -> None:
        document["change_windows"] = [
            {"name": "night", "days": [day], "start": "12:34", "duration_minutes": 60, "timezone": "Europe/Tallinn"}
        ]

    bench.edit(change)
    live = bench.live("gw1"), bench.live("gw2")
    assert bench.plan().code == 2
    refused = bench.apply()
    assert refused.code == 3, refused.everything
    assert "the next one, night, opens on" in refused.err
    assert "Nothing was changed" in refused.err
    stock = bench.pyinfra("-y")
    assert stock.code != 0
    text = (stock.out + stock.err).replace("\n", " ")
    assert "outside the change windows" in text
    assert "cemops apply" in text
    assert (bench.live("gw1"), bench.live("gw2")) == live
    inside = (datetime.now(ZoneInfo("Europe/Tallinn")) + timedelta(days=3)).replace(hour=12, minute=40)
    judged = bench.apply("--limit", "gw1", "--now", inside.isoformat())
    assert judged.code == 0, judged.everything
    assert "by the clock they are closed; recorded" in judged.err
    (last,) = bench.cemops("history", "--format", "json", "--limit", "1").json["applies"]
    assert datetime.fromisoformat(last["judged_at"]) == inside


def test_the_last_gateway_of_a_policy_is_taken_away_only_when_the_loss_is_accepted(bench: Bench) -> None:
    def empty(document: Document) -> None:
        document["policies"][0]["gateways"] = []

    bench.edit(empty)
    limited = ("--limit", "gw1")
    (host,) = bench.plan(*limited, "--format", "json").json["hosts"]
    assert host["changes"] == []
    assert "have no gateway any more" in host["cut_off"][0]
    refused = bench.apply(*limited)
    assert refused.code == 3, refused.everything
    assert "--accept-lockout 1" in refused.err
    assert bench.pyinfra("-y", "--limit", "gw1").code == 0  # it changes no host, and forgets nothing of it
    assert bench.apply(*limited).code == 3
    assert bench.apply(*limited, "--accept-lockout", "1").code == 0
    assert bench.plan(*limited, "--format", "json").json["cut_off"] == []
    (last,) = bench.cemops("history", "--format", "json", "--limit", "1", "--verify").json["applies"]
    assert last["accepted_lockout"] == host["cut_off"]
    assert (last["result"], last["changes"]) == ("applied", [])


def test_a_policy_whose_last_gateway_left_the_estate_is_told_by_another_machine(bench: Bench) -> None:
    def leave(document: Document) -> None:
        document["policies"][0]["gateways"] = []
        document["gateways"] = [gateway for gateway in document["gateways"] if gateway["name"] != "gw1"]

    bench.edit(leave)
    planned = bench.plan("--format", "json")
    assert [line for line in planned.json["cut_off"] if line.startswith("gw1: agents of the policy")]
