from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from cemops.errors import PkiError
from cemops.pki.gateway_materials import make_missing
from cemops.pki.inspection import read_certificate
from cemops.pki.keyed_certificate import KeyedCertificate
from cemops.pki.probe_certificates import ProbeCertificates, probe_certificates
from tests.unit.pki.operator_site import Site


def certificates(site: Site) -> ProbeCertificates:
    return probe_certificates(site.estate, site.folder, site.gw1, "ns1", site.secrets, site.now)


def there(agent: KeyedCertificate | None) -> KeyedCertificate:
    assert agent is not None
    return agent


def make(site: Site) -> None:
    make_missing(site.estate, site.folder, site.gw1, site.secrets, site.now, None)


def test_a_local_authority_gives_all_four_agents(site: Site) -> None:
    make(site)
    found = certificates(site)
    assert there(found.agent).facts.extended_key_usages == ("1.3.6.1.5.5.7.3.2",)
    assert there(found.expired).facts.not_after < site.now
    assert there(found.revoked).facts.not_after > site.now
    assert there(found.unknown_ca).facts.issuer != there(found.agent).facts.issuer
    for agent in (found.agent, found.expired, found.revoked, found.unknown_ca):
        assert there(agent).matches
        assert "PRIVATE" not in repr(agent)
    assert (found.agent_reason, found.expired_reason, found.revoked_reason, found.unknown_ca_reason) == ("", "", "", "")


def test_before_the_first_apply_the_reason_names_it(site: Site) -> None:
    found = certificates(site)
    assert (found.agent, found.expired, found.revoked) == (None, None, None)
    assert "run `cemops apply`" in found.agent_reason
    assert found.unknown_ca is not None
    assert not site.folder.exists()


def test_the_unknown_agent_is_new_each_time_and_never_kept(site: Site) -> None:
    make(site)
    before = sorted(site.folder.rglob("*"))
    assert there(certificates(site).unknown_ca).facts.sha256 != there(certificates(site).unknown_ca).facts.sha256
    assert sorted(site.folder.rglob("*")) == before


def test_without_local_authority_only_the_declared_agent_is_to_be_had(site: Site) -> None:
    make(site)
    agent = there(certificates(site).agent)
    key = serialization.load_pem_private_key(agent.key_pem.get_secret_value().encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = read_certificate(site.pki.agent("ns1-root", "agent").certificate)
    encryption = serialization.BestAvailableEncryption(b"pfx-secret")
    data = pkcs12.serialize_key_and_certificates(b"agent", key, certificate, None, encryption)
    (site.folder / "agent.pfx").write_bytes(data)
    shutil.copy(site.pki.authority("ns1-root").certificate, site.folder / "ns1.cer")
    site.document["authorities"]["ns1-root"] = {"kind": "ns-root", "source": "vendor", "certificate": "ns1.cer"}
    found = certificates(site)
    assert found.agent is None
    assert found.agent_reason == (
        "ns1 has no probe_certificate, and its authority ns1-root is not local: declare"
        " notification_servers[0].probe_certificate (a .pfx of an agent's gateway certificate)"
    )
    site.document["notification_servers"][0]["probe_certificate"] = {"pfx": "agent.pfx", "password": "env:PFX"}
    found = certificates(site)
    assert there(found.agent).facts == agent.facts
    assert (found.expired, found.revoked) == (None, None)
    assert "not local" in found.revoked_reason


def test_half_an_agent_is_none_with_the_reason_and_apply_completes_it(site: Site) -> None:
    make(site)
    site.pki.agent("ns1-root", "agent").key.unlink()
    assert "is missing" in certificates(site).agent_reason
    make(site)
    assert there(certificates(site).agent).matches


def test_a_foreign_agent_key_is_an_error(site: Site) -> None:
    make(site)
    shutil.copy(site.pki.agent("ns1-root", "revoked").key, site.pki.agent("ns1-root", "agent").key)
    with pytest.raises(PkiError, match="delete both and run `cemops apply`"):
        certificates(site)


def test_the_expired_agent_of_a_young_authority_is_expired(site: Site) -> None:
    make(site)
    expired = there(certificates(site).expired).facts
    assert expired.not_after == site.now - timedelta(days=1)


def test_a_notification_server_that_the_gateway_does_not_serve_is_refused(site: Site) -> None:
    with pytest.raises(PkiError, match="gateway gw1 does not serve ns9"):
        probe_certificates(site.estate, site.folder, site.gw1, "ns9", site.secrets, site.now)
