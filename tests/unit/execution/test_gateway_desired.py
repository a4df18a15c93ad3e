"""How the desired gateway is put together from what PKI, rendering and the host give."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cemops.execution.gateway_desired import _with_its_chain
from cemops.model.observed import ObservedCertificate
from cemops.pki.inspection import certificate_facts
from cemops.pki.issuing import new_leaf_key, server_certificate, years_from
from cemops.planning.certificate_choice import CertificateChoice
from cemops.planning.materials import GatewayCertificateMaterial, GatewayMaterials
from tests.unit.planning.gateway_situations import observed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEAF, LINK, OTHER_LINK = (
    certificate_facts(server_certificate((f"{name}.example.com",), new_leaf_key(), years_from(NOW, 1), None))
    for name in ("gw1", "link", "other")
)


@pytest.mark.parametrize(
    ("kind", "served", "action"),
    [
        ("pfx", LEAF.pem + LINK.pem, "keep"),
        ("pfx", LEAF.pem, "deliver"),
        ("pfx", LEAF.pem + OTHER_LINK.pem, "deliver"),
        ("self_signed", LEAF.pem, "keep"),
    ],
)
def test_a_pfx_with_other_intermediates_is_delivered_without_a_new_thumbprint(
    kind: str, served: str, action: str
) -> None:
    material = GatewayCertificateMaterial("pfx", LEAF, (LINK,))
    if kind == "self_signed":
        material = replace(material, kind="self_signed")
    here = observed(certificate=ObservedCertificate("/x/tls/a.crt", "/x/tls/a.key", served, LEAF.public_key_sha256))
    choice = _with_its_chain(CertificateChoice("keep", LEAF), GatewayMaterials("gw1", (), material), here)
    assert choice.action == action
    assert choice.facts == LEAF
    assert choice.warnings == ()
