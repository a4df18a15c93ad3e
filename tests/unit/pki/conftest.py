"""An estate with local authorities in a temporary folder, and keys that are made quickly."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cemops.pki import authorities, made_certificates, probe_agents
from tests.unit.pki.operator_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(
        tmp_path / "estate",
        {
            "cemops": 1,
            "estate": "test",
            "pki": {"passphrase": "env:PKI"},
            "authorities": {
                "ns1-root": {
                    "kind": "ns-root",
                    "source": "local",
                    "notification_server": "ns1",
                    "common_name": "NS1 Root",
                },
                "dmz-ca": {
                    "kind": "gateway-ca",
                    "source": "local",
                    "common_name": "Northwind DMZ CA",
                    "valid_years": 10,
                    "passphrase": "env:OWN",
                },
            },
            "notification_servers": [
                {"name": "ns1", "fqdn": "ns1.corp.example", "version": "8.6 RU2", "root_authority": "ns1-root"}
            ],
            "gateways": [
                {
                    "name": "gw1",
                    "fqdn": "gw1.northwind.example",
                    "servers": [{"notification_server": "ns1"}],
                    "certificate": {"self_signed": {"valid_years": 5}},
                }
            ],
        },
    )


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real keys, but of the type that is made at once; tests/functional makes RSA keys."""
    for module in (authorities, made_certificates, probe_agents):
        for name in ("new_authority_key", "new_leaf_key"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda: ec.generate_private_key(ec.SECP256R1()))
