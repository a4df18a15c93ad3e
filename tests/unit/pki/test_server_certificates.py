from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from cemops.errors import PkiError
from cemops.model.certificate_sources import CertificateSource, IssuedBy, PfxFile, SelfSigned, StoredCertificate
from cemops.pki import made_certificates
from cemops.pki.authorities import certificate_pem
from cemops.pki.issuing import Issuer, self_signed_authority, server_certificate, years_from
from cemops.pki.server_certificates import (
    ServerPurpose,
    make_server_certificate,
    packed_for_windows,
    server_material,
)
from tests.unit.pki.operator_site import NOW, Site

NAMES = ("ns1.corp.example", "smp.corp.example")


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _wanted(source: CertificateSource) -> ServerPurpose:
    return ServerPurpose("ns1", "agent-site", NAMES, source)


def _issued() -> ServerPurpose:
    return _wanted(IssuedBy(issued_by="dmz-ca"))


def test_a_plan_makes_nothing_and_says_that_apply_can(site: Site) -> None:
    material = server_material(site.estate, site.folder, _issued(), site.secrets)

    assert (material.kind, material.facts, material.can_make, material.problem) == ("issued_by", None, True, None)
    assert not site.pki.path.exists()


def test_a_made_certificate_carries_every_name_of_the_notification_server(site: Site) -> None:
    sentences = make_server_certificate(site.estate, site.folder, _issued(), site.secrets, NOW)

    material = server_material(site.estate, site.folder, _issued(), site.secrets)
    assert material.facts is not None
    assert material.facts.dns_names == NAMES
    assert material.issuer is not None
    assert material.chain == (material.issuer,)
    assert any("ns1 (agent-site)" in sentence for sentence in sentences)


def test_purposes_of_one_server_have_certificates_of_their_own(site: Site) -> None:
    cem = replace(_issued(), purpose="cem")
    make_server_certificate(site.estate, site.folder, _issued(), site.secrets, NOW)

    assert server_material(site.estate, site.folder, cem, site.secrets).facts is None


def test_a_package_for_windows_opens_with_its_password_alone_and_holds_the_pair(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_certificates, "new_leaf_key", _rsa)
    make_server_certificate(site.estate, site.folder, _issued(), site.secrets, NOW)
    facts = server_material(site.estate, site.folder, _issued(), site.secrets).facts

    one = packed_for_windows(site.estate, site.folder, _issued(), site.secrets)
    other = packed_for_windows(site.estate, site.folder, _issued(), site.secrets)

    opened = pkcs12.load_pkcs12(one.pfx.get_secret_value(), one.password.get_secret_value().encode())
    assert opened.cert is not None
    assert facts is not None
    assert certificate_pem(opened.cert.certificate).decode() == facts.pem
    assert isinstance(opened.key, rsa.RSAPrivateKey)
    assert one.password.get_secret_value() != other.password.get_secret_value()
    assert one.password.get_secret_value() not in repr(one)
    with pytest.raises(ValueError, match=r"[Pp]assword"):
        pkcs12.load_pkcs12(one.pfx.get_secret_value(), b"changeit")


def test_a_key_that_is_not_rsa_is_refused_before_it_goes_anywhere(site: Site) -> None:
    make_server_certificate(site.estate, site.folder, _issued(), site.secrets, NOW)

    with pytest.raises(PkiError, match="no RSA key"):
        packed_for_windows(site.estate, site.folder, _issued(), site.secrets)


def test_a_declared_thumbprint_asks_nothing_of_the_operators_side(site: Site) -> None:
    material = server_material(site.estate, site.folder, _wanted(StoredCertificate(thumbprint="AB" * 20)), site.secrets)

    assert (material.thumbprint, material.facts, material.can_make) == ("AB" * 20, None, False)


def test_self_signed_can_be_made(site: Site) -> None:
    wanted = _wanted(SelfSigned.model_validate({"self_signed": {}}))
    make_server_certificate(site.estate, site.folder, wanted, site.secrets, NOW)

    material = server_material(site.estate, site.folder, wanted, site.secrets)
    assert material.facts is not None
    assert material.facts.subject == material.facts.issuer


class TestPfx:
    def _write(self, site: Site, *, second: bool = False, password: bytes = b"pfx-secret") -> Path:
        authority_key, key = _rsa(), _rsa()
        validity = years_from(NOW, 2)
        root = self_signed_authority("Corp Root", authority_key, validity)
        issuer = Issuer(root, authority_key)
        leaf = server_certificate(NAMES, key, validity, issuer)
        extra: list[x509.Certificate] = [root]
        if second:
            extra.append(server_certificate(("other.corp.example",), _rsa(), validity, issuer))
        data = pkcs12.serialize_key_and_certificates(
            b"x", key, leaf, extra, serialization.BestAvailableEncryption(password)
        )
        site.folder.mkdir(parents=True, exist_ok=True)
        (site.folder / "ns1.pfx").write_bytes(data)
        return site.folder / "ns1.pfx"

    def _declared(self) -> ServerPurpose:
        return _wanted(PfxFile(pfx="ns1.pfx", password="env:PFX"))

    def test_brings_its_root_for_the_trusted_roots_of_the_machine(self, site: Site) -> None:
        self._write(site)

        material = server_material(site.estate, site.folder, self._declared(), site.secrets)

        assert [facts.subject for facts in material.chain] == ["CN=Corp Root"]
        assert packed_for_windows(site.estate, site.folder, self._declared(), site.secrets).pfx.get_secret_value()

    def test_with_two_server_certificates_is_refused_naming_both(self, site: Site) -> None:
        self._write(site, second=True)

        problem = server_material(site.estate, site.folder, self._declared(), site.secrets).problem

        assert problem is not None
        assert "several server certificates" in problem
        assert "other.corp.example" in problem

    def test_with_a_wrong_password_is_a_problem_that_does_not_show_it(self, site: Site) -> None:
        self._write(site, password=b"another")

        problem = server_material(site.estate, site.folder, self._declared(), site.secrets).problem

        assert problem is not None
        assert "password is wrong" in problem
        assert "pfx-secret" not in problem
