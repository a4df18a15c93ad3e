from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from cemops.errors import PkiError, SecretError
from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.pki import client_authorities, made_certificates
from cemops.pki.authorities import load_issuer
from cemops.pki.crl import issue_crl
from cemops.pki.folder import PkiFolder
from cemops.pki.gateway_materials import (
    gateway_key_pem,
    gateway_materials,
    make_missing,
    record_live,
    recorded_live,
)
from cemops.pki.inspection import certificate_facts, certificates_from_bytes, read_certificate, read_crl
from cemops.pki.revocations import Register, Revocation, read_register
from cemops.planning.materials import GatewayMaterials
from tests.unit.pki.operator_site import Site


def materials(site: Site) -> GatewayMaterials:
    return gateway_materials(site.estate, site.folder, site.gw1, site.secrets, site.now)


def make(
    site: Site,
    live: CertificateFacts | None = None,
    *,
    live_key_matches: bool = True,
    live_authorities: tuple[CertificateFacts, ...] = (),
) -> tuple[str, ...]:
    return make_missing(
        site.estate,
        site.folder,
        site.gw1,
        site.secrets,
        site.now,
        live,
        live_key_matches=live_key_matches,
        live_authorities=live_authorities,
    )


def known(site: Site) -> CertificateFacts:
    """The gateway's certificate as pki/ or the .pfx holds it."""
    facts = materials(site).certificate.facts
    assert facts is not None
    return facts


def authority(site: Site) -> tuple[CertificateFacts, CrlFacts]:
    """What is known of ns1-root."""
    (found,) = materials(site).authorities
    assert found.certificate is not None
    assert found.crl is not None
    return found.certificate, found.crl


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def crl_of(site: Site) -> x509.CertificateRevocationList:
    return read_crl(site.pki.crl("ns1-root"))


def as_pfx(site: Site, name: str = "gw1.pfx") -> None:
    """Turn what pki/ holds for gw1 into a .pfx and declare that."""
    key = serialization.load_pem_private_key(
        gateway_key_pem(site.estate, site.folder, site.gw1, site.secrets).get_secret_value().encode(), None
    )
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = read_certificate(site.pki.gateway("gw1").certificate)
    encryption = serialization.BestAvailableEncryption(site.environ["PFX"].encode())
    (site.folder / name).write_bytes(pkcs12.serialize_key_and_certificates(b"gw1", key, certificate, None, encryption))
    site.declare({"pfx": name, "password": "env:PFX"})


def test_a_plan_makes_nothing_and_says_what_will_be_made(site: Site) -> None:
    found = materials(site)
    (material,) = found.authorities
    assert (material.name, material.source, material.common_name) == ("ns1-root", "local", "NS1 Root")
    assert (material.certificate, material.crl) == (None, None)
    assert material.will_make_certificate
    assert material.will_make_crl
    assert found.certificate.facts is None
    assert found.certificate.can_make
    assert not site.folder.exists()


def test_making_says_what_it_made_and_the_second_time_makes_nothing(site: Site) -> None:
    made = make(site)
    assert [sentence.split(" ")[1] for sentence in made] == ["the", "agent", "CRL", "a"]
    assert "gw1 (gw1.northwind.example), self-signed" in made[3]
    before = contents(site.folder)
    assert make(site) == ()
    assert contents(site.folder) == before
    (material,) = materials(site).authorities
    assert not material.will_make_certificate
    assert not material.will_make_crl
    certificate, crl = authority(site)
    assert crl.signed_by == certificate.sha256
    assert crl.next_update == site.now.replace(microsecond=0) + timedelta(days=365)


def test_a_fitting_live_certificate_is_not_made_again_although_pki_is_lost(site: Site) -> None:
    make(site)
    live = known(site)
    shutil.rmtree(site.pki.path / "gateways")
    make(site, live)
    assert not site.pki.has(site.pki.gateway("gw1").certificate)
    assert not site.pki.has(site.pki.gateway("gw1").key)


def test_a_lost_authority_is_not_made_a_second_time(site: Site) -> None:
    make(site)
    certificate, _ = authority(site)
    shutil.rmtree(site.pki.path)
    with pytest.raises(PkiError, match="restore the pki folder from its backup"):
        make(site, None, live_authorities=(certificate,))
    assert not (site.pki.path / "authorities").exists()


def test_an_issued_certificate_comes_from_its_local_authority(site: Site) -> None:
    site.declare({"issued_by": "dmz-ca"})
    found = materials(site).certificate
    assert (found.issuer, found.issuer_subject, found.can_make) == (None, "CN=Northwind DMZ CA", True)
    assert "issued by CN=Northwind DMZ CA" in make(site)[-1]
    found = materials(site).certificate
    assert found.issuer is not None
    assert known(site).issuer == found.issuer.subject
    assert found.issuer_subject is None
    assert make(site, known(site)) == ()
    read_certificate(site.pki.gateway("gw1").certificate).verify_directly_issued_by(
        read_certificate(site.pki.authority("dmz-ca").certificate)
    )


def test_the_lost_issuer_of_a_live_certificate_is_not_made_a_second_time(site: Site) -> None:
    site.declare({"issued_by": "dmz-ca"})
    make(site)
    live = known(site)
    shutil.rmtree(site.pki.path)
    with pytest.raises(PkiError, match="its issuer CN=Northwind DMZ CA is not in the pki folder"):
        make(site, live, live_key_matches=False)
    assert not (site.pki.path / "authorities").exists()


def test_a_certificate_never_outlives_its_authority(site: Site) -> None:
    site.document["authorities"]["dmz-ca"]["valid_years"] = 1
    site.declare({"issued_by": "dmz-ca"})
    make(site)
    issuer = materials(site).certificate.issuer
    assert issuer is not None
    assert known(site).not_after == issuer.not_after


def test_an_issuer_that_is_not_local_cannot_issue(site: Site) -> None:
    make(site)
    shutil.copy(site.pki.authority("ns1-root").certificate, site.folder / "ca.cer")
    site.document["authorities"]["dmz-ca"] = {"kind": "gateway-ca", "source": "external", "certificate": "ca.cer"}
    site.declare({"issued_by": "dmz-ca"})
    assert not materials(site).certificate.can_make
    shutil.rmtree(site.pki.path / "gateways")
    with pytest.raises(PkiError, match="declare it as pfx"):
        make(site)


def test_an_outlived_certificate_is_retired_and_a_new_one_made(site: Site) -> None:
    make(site)
    old = known(site)
    site.now += timedelta(days=6 * 365)
    made = make(site, old)
    new = known(site)
    assert "made a certificate for gateway gw1" in made[-1]
    assert new.sha256 != old.sha256
    assert new.public_key_sha256 != old.public_key_sha256
    retired = site.pki.path / "gateways" / "gw1" / "retired"
    assert {path.name for path in retired.iterdir()} == {
        f"{old.sha256[:16].lower()}.{end}" for end in ("pem", "key.pem")
    }


def test_a_killed_run_is_completed_with_the_key_it_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class KilledError(Exception):
        pass

    def killed(*_arguments: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(made_certificates, "server_certificate", killed)
        with pytest.raises(KilledError):
            make(site)
    left = site.pki.gateway("gw1").key.read_bytes()
    assert materials(site).certificate.facts is None
    assert len(make(site)) == 1
    assert site.pki.gateway("gw1").key.read_bytes() == left
    gateway_key_pem(site.estate, site.folder, site.gw1, site.secrets)  # raises unless the pair fits


@pytest.mark.parametrize("step", range(13))
def test_killed_at_any_write_the_next_run_finishes(site: Site, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    class KilledError(BaseException):
        pass

    steps = iter(range(100))
    for name in ("write", "write_once"):
        real = getattr(type(site.pki), name)

        def write(
            self: PkiFolder, path: Path, data: bytes, real: Callable[[PkiFolder, Path, bytes], None] = real
        ) -> None:
            if next(steps) == step:
                raise KilledError
            real(self, path, data)

        monkeypatch.setattr(type(site.pki), name, write)
    try:
        make(site)
    except KilledError:
        path = site.pki.authority("ns1-root").key
        key = path.read_bytes() if path.exists() else None
        make(site)
        assert key in (None, path.read_bytes())
    assert make(site) == ()
    found = materials(site)
    assert found.certificate.facts is not None
    assert not found.authorities[0].will_make_crl
    assert next(steps) > step  # the step was reached


def test_the_crl_lists_the_revoked_agent_from_its_first_issue_on(site: Site) -> None:
    make(site)
    crl = crl_of(site)
    revoked = read_certificate(site.pki.agent("ns1-root", "revoked").certificate)
    assert crl.get_revoked_certificate_by_serial_number(revoked.serial_number) is not None
    assert len(crl) == 1
    assert read_register(site.pki, "ns1-root") == Register(1, (Revocation(revoked.serial_number, site.now),))


def test_a_crl_near_its_end_is_extended_with_a_higher_number(site: Site) -> None:
    make(site)
    first = crl_of(site)
    site.now += timedelta(days=336)
    assert materials(site).authorities[0].will_make_crl
    live = known(site)
    assert [sentence.split(" of ")[0] for sentence in make(site, live)] == ["made CRL 2"]
    second = crl_of(site)
    assert {entry.serial_number for entry in second} == {entry.serial_number for entry in first}
    assert second.next_update_utc == site.now + timedelta(days=365)
    assert make(site, live) == ()


def test_a_short_lived_crl_is_not_made_anew_by_every_run(site: Site) -> None:
    site.document["pki"]["crl_valid_days"] = 7
    make(site)
    assert make(site, known(site)) == ()


def test_an_existing_crl_is_extended_even_without_its_register(site: Site) -> None:
    make(site)
    serials = {entry.serial_number for entry in crl_of(site)}
    site.pki.revocations("ns1-root").unlink()
    site.now += timedelta(days=360)
    make(site)
    assert serials <= {entry.serial_number for entry in crl_of(site)}
    register = read_register(site.pki, "ns1-root")
    assert register is not None
    assert register.crl_number == 2


def test_a_lost_crl_comes_back_from_the_register(site: Site) -> None:
    make(site)
    serials = {entry.serial_number for entry in crl_of(site)}
    site.pki.crl("ns1-root").unlink()
    assert materials(site).authorities[0].will_make_crl
    make(site)
    assert {entry.serial_number for entry in crl_of(site)} == serials
    assert authority(site)[1].number == 2


def test_a_crl_is_never_started_afresh(site: Site) -> None:
    make(site)
    site.pki.crl("ns1-root").unlink()
    site.pki.revocations("ns1-root").unlink()
    with pytest.raises(PkiError, match=r"never started afresh \(CE-08\)"):
        make(site)


def test_an_authority_without_certificate_beside_its_crl_was_lost(site: Site) -> None:
    make(site)
    site.pki.authority("ns1-root").certificate.unlink()
    with pytest.raises(PkiError, match="restore the pki folder"):
        make(site)


def test_a_foreign_key_beside_an_authority_is_refused(site: Site) -> None:
    make(site)
    shutil.copy(site.pki.agent("ns1-root", "agent").key, site.pki.authority("ns1-root").key)
    site.now += timedelta(days=360)
    with pytest.raises(PkiError, match="is not the key of"):
        make(site)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"crl_number": -1, "revoked": []}', '{"crl_number": 1, "revoked": [{"serial": "x"}]}',
             '{"crl_number": true, "revoked": []}', "[" * 100000, '{"crl_number": 1, "revoked": [{"serial": "5", "date": "2026-01-01"}]}'],
)  # fmt: skip
def test_a_damaged_register_is_an_error(site: Site, text: str) -> None:
    make(site)
    site.pki.revocations("ns1-root").write_text(text)
    with pytest.raises(PkiError, match=r"revoked.json is damaged"):
        materials(site)


def test_a_revocation_in_the_register_reaches_the_crl(site: Site) -> None:
    make(site)
    path = site.pki.revocations("ns1-root")
    document = json.loads(path.read_text())
    document["revoked"].append({"serial": "ABC", "date": "2026-11-22T12:00:00+00:00"})
    path.write_text(json.dumps(document))
    assert materials(site).authorities[0].will_make_crl
    make(site)
    assert crl_of(site).get_revoked_certificate_by_serial_number(0xABC) is not None


def test_outlived_agents_are_made_anew_and_the_new_revoked_one_is_listed(site: Site) -> None:
    make(site)
    old = read_certificate(site.pki.agent("ns1-root", "revoked").certificate).serial_number
    site.now += timedelta(days=800)
    assert "agent, revoked" in " ".join(make(site, known(site)))
    new = read_certificate(site.pki.agent("ns1-root", "revoked").certificate).serial_number
    assert {entry.serial_number for entry in crl_of(site)} == {old, new}


def test_a_missing_passphrase_is_an_error_with_the_repair(site: Site) -> None:
    del site.document["pki"]["passphrase"]
    with pytest.raises(PkiError, match=r"pki.passphrase is missing, and authorities.ns1-root needs it"):
        make(site)
    site.document["pki"]["passphrase"] = "env:NOT_SET"
    with pytest.raises(SecretError, match="env:NOT_SET is not set"):
        make(site)


def test_an_authority_with_a_passphrase_of_its_own_needs_no_other(site: Site) -> None:
    del site.document["pki"]["passphrase"]
    site.document["authorities"]["ns1-root"]["passphrase"] = "env:OWN"
    site.folder.mkdir()
    assert len(client_authorities.complete_authority(site.estate, site.pki, "ns1-root", site.secrets, site.now)) == 3


def test_a_changed_passphrase_is_named(site: Site) -> None:
    make(site)
    site.environ["PKI"] = "another"
    with pytest.raises(PkiError, match=r"gateways/gw1/key.pem cannot be decrypted: pki.passphrase"):
        gateway_key_pem(site.estate, site.folder, site.gw1, site.secrets)


def test_the_key_for_delivery_belongs_to_the_certificate(site: Site) -> None:
    make(site)
    pem = gateway_key_pem(site.estate, site.folder, site.gw1, site.secrets)
    key = serialization.load_pem_private_key(pem.get_secret_value().encode(), None)
    assert key.public_key() == read_certificate(site.pki.gateway("gw1").certificate).public_key()
    assert "PRIVATE" not in repr(pem)


def test_a_key_of_another_certificate_is_not_delivered(site: Site) -> None:
    make(site)
    shutil.copy(site.pki.agent("ns1-root", "agent").key, site.pki.gateway("gw1").key)
    with pytest.raises(PkiError, match="is not the key of"):
        gateway_key_pem(site.estate, site.folder, site.gw1, site.secrets)


def test_a_pfx_gives_material_and_key_and_nothing_is_made_for_it(site: Site) -> None:
    make(site)
    facts = known(site)
    as_pfx(site)
    found = materials(site).certificate
    assert (found.kind, found.facts, found.can_make) == ("pfx", facts, False)
    assert "PRIVATE KEY" in gateway_key_pem(site.estate, site.folder, site.gw1, site.secrets).get_secret_value()
    assert make(site) == ()


def test_a_declared_thumbprint_is_found_in_pki(site: Site) -> None:
    make(site)
    facts = known(site)
    site.declare({"thumbprint": facts.sha1.lower()})
    assert known(site) == facts
    site.declare({"thumbprint": "0" * 40})
    assert materials(site).certificate.facts is None
    with pytest.raises(PkiError, match="no certificate 0000"):
        make(site)


def test_an_external_authority_comes_from_its_files(site: Site) -> None:
    make(site)
    shutil.copy(site.pki.authority("ns1-root").certificate, site.folder / "ns1.cer")
    (site.folder / "ns1.crl").write_bytes(crl_of(site).public_bytes(serialization.Encoding.DER))
    shutil.rmtree(site.pki.path)
    declared = {"kind": "ns-root", "source": "external", "certificate": "ns1.cer", "crl": "ns1.crl"}
    site.document["authorities"]["ns1-root"] = declared
    certificate, crl = authority(site)
    assert crl.signed_by == certificate.sha256
    assert not materials(site).authorities[0].will_make_crl
    declared["crl"] = "none.crl"
    with pytest.raises(PkiError, match=r"none\.crl cannot be read"):
        materials(site)


def test_a_gateway_that_needs_nothing_made_gets_no_pki_folder(site: Site) -> None:
    make(site)
    as_pfx(site)
    shutil.copy(site.pki.authority("ns1-root").certificate, site.folder / "ns1.cer")
    shutil.rmtree(site.pki.path)
    site.document["authorities"]["ns1-root"] = {"kind": "ns-root", "source": "vendor", "certificate": "ns1.cer"}
    assert make(site) == ()
    assert not site.pki.path.exists()


def test_what_served_last_is_remembered(site: Site) -> None:
    assert recorded_live(site.estate, site.folder, site.gw1) is None
    make(site)
    facts = known(site)
    for _ in range(2):
        record_live(site.estate, site.folder, site.gw1, facts.pem)
        assert recorded_live(site.estate, site.folder, site.gw1) == facts
    assert materials(site).certificate.recorded == facts
    with pytest.raises(PkiError, match="the live certificate of gw1 is not a certificate"):
        record_live(site.estate, site.folder, site.gw1, "nonsense")


def test_no_file_and_no_error_holds_a_passphrase_or_a_bare_key(site: Site) -> None:
    site.declare({"issued_by": "dmz-ca"})
    make(site)
    record_live(site.estate, site.folder, site.gw1, known(site).pem)
    site.now += timedelta(days=9 * 365)
    make(site)
    files = contents(site.folder)
    keys = [data for name, data in files.items() if "key" in name]
    assert len(keys) == 7
    assert all(data.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") for data in keys)
    for data in files.values():
        assert b"canary" not in data
        assert b"BEGIN PRIVATE KEY" not in data
        assert b"BEGIN RSA PRIVATE KEY" not in data
    for environ in ({"PKI": "canary-wrong", "OWN": "canary-wrong"}, {}):
        site.environ = environ
        with pytest.raises((PkiError, SecretError)) as caught:
            gateway_key_pem(site.estate, site.folder, site.gw1, site.secrets)
        assert "canary" not in repr(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_leap_day_and_far_future_are_no_surprise(site: Site) -> None:
    site.now = site.now.replace(year=2028, month=2, day=29)
    make(site)
    assert known(site).not_after.strftime("%Y-%m-%d") == "2033-02-28"
    shutil.rmtree(site.pki.path)
    site.now = site.now.replace(year=9996)
    with pytest.raises(PkiError, match="valid_years: 20 ends after the year 9999"):
        make(site)


def test_a_crl_validity_past_all_dates_is_an_error(site: Site) -> None:
    make(site)
    issuer = load_issuer(site.estate, site.pki, "ns1-root", site.secrets)
    with pytest.raises(PkiError, match=r"pki.crl_valid_days: 1000000000"):
        issue_crl(site.pki, "ns1-root", issuer, 10**9, site.now)


def test_facts_survive_the_way_through_pem(site: Site) -> None:
    make(site)
    facts = known(site)
    assert certificate_facts(certificates_from_bytes(facts.pem.encode(), "x")[0]) == facts
