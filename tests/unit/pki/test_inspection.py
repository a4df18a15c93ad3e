from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from cemops.errors import PkiError
from cemops.pki import inspection
from cemops.pki.inspection import (
    certificate_facts,
    certificates_from_bytes,
    crl_facts,
    crl_from_bytes,
    facts_from_pem,
    read_certificate,
    read_certificates,
    read_crl,
)
from cemops.pki.issuing import Issuer, agent_certificate, self_signed_authority, server_certificate, years_from
from cemops.pki.keyed_certificate import encrypted_key_pem, read_encrypted_key, read_pfx

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSWORD = "canary-pfx-password"
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER

CA_KEY = ec.generate_private_key(ec.SECP256R1())
LEAF_KEY = rsa.generate_private_key(65537, 2048)
CA = self_signed_authority("Test Root", CA_KEY, years_from(NOW, 10))
SAME_NAME_CA = self_signed_authority("Test Root", LEAF_KEY, years_from(NOW, 10))
LEAF = server_certificate(("GW1.example", "gw1.corp.example"), LEAF_KEY, years_from(NOW, 5), Issuer(CA, CA_KEY))
CRL = (
    x509.CertificateRevocationListBuilder()
    .issuer_name(CA.subject)
    .last_update(NOW)
    .next_update(NOW + timedelta(days=90))
    .add_extension(x509.CRLNumber(7), critical=False)
    .add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(5).revocation_date(NOW).build())
    .sign(CA_KEY, hashes.SHA256())
)


def pfx_bytes(
    key: rsa.RSAPrivateKey | None = LEAF_KEY,
    certificate: x509.Certificate | None = LEAF,
    extra: tuple[x509.Certificate, ...] = (CA,),
) -> bytes:
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"name", key, certificate, list(extra), encryption)


PFX = pfx_bytes()


def saved(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "input"
    path.write_bytes(data)
    return path


def test_the_facts_of_a_certificate_are_stated() -> None:
    facts = certificate_facts(LEAF)
    assert facts.common_name == "GW1.example"
    assert facts.dns_names == ("gw1.example", "gw1.corp.example")
    assert facts.issuer == "CN=Test Root"
    assert facts.key_type == "RSA-2048"
    assert facts.extended_key_usages == ("1.3.6.1.5.5.7.3.1",)
    assert not facts.is_ca
    assert facts.not_before == NOW - timedelta(hours=1)
    assert (len(facts.sha1), len(facts.sha256)) == (40, 64)
    assert facts.sha1 == facts.sha1.upper()
    assert certificate_facts(SAME_NAME_CA).public_key_sha256 == facts.public_key_sha256
    assert certificate_facts(CA).key_type == "EC P-256"
    assert certificate_facts(CA).is_ca


@pytest.mark.parametrize("encoding", [PEM, DER])
def test_pem_and_der_say_the_same(tmp_path: Path, encoding: serialization.Encoding) -> None:
    assert read_certificate(saved(tmp_path, LEAF.public_bytes(encoding))) == LEAF
    assert read_crl(saved(tmp_path, CRL.public_bytes(encoding))).issuer == CA.subject


def test_several_certificates_are_read_in_their_order(tmp_path: Path) -> None:
    path = saved(tmp_path, b"some text\n" + LEAF.public_bytes(PEM) + CA.public_bytes(PEM))
    assert read_certificates(path) == (LEAF, CA)
    with pytest.raises(PkiError, match="holds 2 certificates where one is expected"):
        read_certificate(path)


def test_observed_pem_text_is_judged_too() -> None:
    assert facts_from_pem(LEAF.public_bytes(PEM).decode()).sha1 == certificate_facts(LEAF).sha1
    with pytest.raises(PkiError, match="the gateway is not a certificate"):
        facts_from_pem("-----BEGIN CERTIFICATE-----\n\ud800", "the gateway")


def test_a_crl_names_the_authority_whose_key_verifies_it() -> None:
    facts = crl_facts(CRL, (certificate_facts(LEAF), certificate_facts(CA)))
    assert facts.signed_by == certificate_facts(CA).sha256
    assert (facts.number, facts.revoked, facts.next_update) == (7, 1, NOW + timedelta(days=90))


def test_a_crl_of_another_key_under_the_same_name_is_signed_by_nobody() -> None:
    assert crl_facts(CRL, (certificate_facts(SAME_NAME_CA),)).signed_by is None


@pytest.mark.parametrize("read", [read_certificate, read_crl])
@pytest.mark.parametrize("data", [b"", b"hello", PFX, b"-----BEGIN CERTIFICATE-----", b"\xff\xfe-\x00-\x00"])
def test_what_is_neither_certificate_nor_crl_is_named_with_the_repair(
    tmp_path: Path, read: Callable[[Path], object], data: bytes
) -> None:
    path = saved(tmp_path, data)
    with pytest.raises(PkiError, match="PEM") as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_private_key_in_place_of_a_certificate_is_not_repeated(tmp_path: Path) -> None:
    key = LEAF_KEY.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(PkiError, match="is not a certificate") as caught:
        read_certificate(saved(tmp_path, key))
    assert key.split()[5].decode() not in str(caught.value)
    assert caught.value.__suppress_context__


def test_missing_huge_and_special_files_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PkiError, match="No such file"):
        read_certificate(tmp_path / "none")
    with pytest.raises(PkiError, match="Is a directory"):
        read_certificate(tmp_path)
    with pytest.raises(PkiError, match="not a regular file"):
        read_certificate(Path("/dev/zero"))
    with pytest.raises(PkiError, match="no path can have"):
        read_certificate(Path("a\0b"))
    monkeypatch.setattr(inspection, "MAX_CRL_BYTES", 10)
    with pytest.raises(PkiError, match="larger than 10 bytes"):
        read_crl(saved(tmp_path, b"x" * 11))


def test_a_pfx_gives_certificate_key_and_chain_without_root(tmp_path: Path) -> None:
    package = read_pfx(saved(tmp_path, PFX), SecretStr(PASSWORD))
    assert package.facts == certificate_facts(LEAF)
    assert package.chain == ()
    assert package.matches
    assert "PRIVATE" not in repr(package)
    assert "PRIVATE" not in str(package.key_pem)


def test_the_chain_of_a_pfx_is_ordered_from_the_leaf_upwards(tmp_path: Path) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = self_signed_authority("R", keys[0], years_from(NOW, 10))
    upper = agent_certificate("U", keys[1], years_from(NOW, 9), Issuer(root, keys[0]))
    lower = agent_certificate("L", keys[2], years_from(NOW, 8), Issuer(upper, keys[1]))
    leaf = server_certificate(("gw1.example",), LEAF_KEY, years_from(NOW, 5), Issuer(lower, keys[2]))
    data = pfx_bytes(certificate=leaf, extra=(root, CA, upper, lower))
    package = read_pfx(saved(tmp_path, data), SecretStr(PASSWORD))
    assert [facts.subject for facts in package.chain] == ["CN=L", "CN=U"]
    assert package.certificate_pem.count("BEGIN CERTIFICATE") == 3


@pytest.mark.parametrize("password", [SecretStr("wrong-canary"), SecretStr(""), None])
def test_a_wrong_pfx_password_is_named_and_not_repeated(tmp_path: Path, password: SecretStr | None) -> None:
    with pytest.raises(PkiError, match="the password is wrong") as caught:
        read_pfx(saved(tmp_path, PFX), password)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", LEAF.public_bytes(PEM), LEAF.public_bytes(DER), b"x" * 100])
def test_what_is_no_pfx_is_named_so(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PkiError, match=r"is not a \.pfx"):
        read_pfx(saved(tmp_path, data), SecretStr(PASSWORD))


def test_a_pfx_without_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PkiError, match="holds no private key"):
        read_pfx(saved(tmp_path, pfx_bytes(key=None, certificate=None, extra=(LEAF,))), SecretStr(PASSWORD))


def test_an_encrypted_key_comes_back_with_its_passphrase_only(tmp_path: Path) -> None:
    path = saved(tmp_path, encrypted_key_pem(LEAF_KEY, SecretStr("canary-a")))
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    key = read_encrypted_key(path, SecretStr("canary-a"))
    assert key.private_numbers() == LEAF_KEY.private_numbers()
    with pytest.raises(PkiError, match="cannot be decrypted") as caught:
        read_encrypted_key(path, SecretStr("canary-b"))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["d", "dmp1", "dmq1", "iqmp"])
def test_a_key_with_a_damaged_number_is_refused(tmp_path: Path, name: str) -> None:
    numbers = LEAF_KEY.private_numbers()
    fields = {field: getattr(numbers, field) for field in ("p", "q", "d", "dmp1", "dmq1", "iqmp", "public_numbers")}
    damaged = rsa.RSAPrivateNumbers(**{**fields, name: fields[name] ^ (1 << 40)})
    key = damaged.private_key(unsafe_skip_rsa_key_validation=True)
    path = saved(tmp_path, encrypted_key_pem(key, SecretStr("canary-a")))
    with pytest.raises(PkiError, match="damaged"):
        read_encrypted_key(path, SecretStr("canary-a"))


def test_a_key_that_lies_there_unencrypted_is_refused(tmp_path: Path) -> None:
    key = LEAF_KEY.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(PkiError, match="not an encrypted PKCS#8 key"):
        read_encrypted_key(saved(tmp_path, key), SecretStr("x"))


def judge_certificate(data: bytes) -> None:
    for certificate in certificates_from_bytes(data, "input"):
        certificate_facts(certificate, "input")


def judge_crl(data: bytes) -> None:
    crl_facts(crl_from_bytes(data, "input"), (certificate_facts(CA),), "input")


SAMPLES = [
    LEAF.public_bytes(DER),
    LEAF.public_bytes(PEM),
    CA.public_bytes(DER),
    CRL.public_bytes(DER),
    CRL.public_bytes(PEM),
]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_hostile_certificates_and_crls_raise_nothing_but_pki_errors(data: st.DataObject) -> None:
    sample = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(0, 3))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(sample)))
    hostile = bytes(sample[:cut] if data.draw(st.booleans()) else sample)
    for judge in (judge_certificate, judge_crl):
        try:
            judge(hostile)
        except PkiError as error:
            assert "input" in str(error)  # noqa: PT017 - most inputs fail, some do not


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, len(PFX) - 1), value=st.integers(0, 255), cut=st.booleans())
def test_a_hostile_pfx_raises_nothing_but_pki_errors(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, cut: bool
) -> None:
    hostile = PFX[:place] if cut else PFX[:place] + bytes([value]) + PFX[place + 1 :]
    path = tmp_path_factory.mktemp("pfx") / "hostile.pfx"
    path.write_bytes(hostile)
    try:
        read_pfx(path, SecretStr(PASSWORD))
    except PkiError as error:
        assert PASSWORD not in str(error)  # noqa: PT017 - a change of a label does no harm
