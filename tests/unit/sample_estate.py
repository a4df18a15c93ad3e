"""A small sound estate for unit tests, and the same estate with values set at places."""

from __future__ import annotations

import copy
from typing import Any

from cemops.model.estate import Estate

SAMPLE: dict[str, Any] = {
    "cemops": 1,
    "estate": "northwind",
    "credentials": {
        "ns-admin": {"username": "CORP\\svc", "password": "env:NS_PASSWORD"},
        "gw-root": {"username": "root"},
    },
    "pki": {"passphrase": "env:PKI_PASSPHRASE"},
    "authorities": {
        "ns1-root": {"kind": "ns-root", "source": "local", "notification_server": "ns1"},
        "dmz-ca": {"kind": "gateway-ca", "source": "local"},
    },
    "resource_targets": [{"name": "All laptops", "members": ["lap-*"]}],
    "notification_servers": [
        {
            "name": "ns1",
            "fqdn": "ns1.corp.example",
            "aliases": ["smp.corp.example"],
            "root_authority": "ns1-root",
            "organizational_groups": ["Branch Riga"],
        }
    ],
    "site_server_settings": [{"notification_server": "ns1"}],
    "site_servers": [
        {"name": "ps1", "fqdn": "ps1.corp.example", "notification_server": "ns1"},
        {"name": "ps2", "fqdn": "ps2.corp.example", "notification_server": "ns1"},
    ],
    "internet_sites": [
        {
            "name": "Default Internet Site",
            "notification_server": "ns1",
            "resource_targets": ["All laptops"],
            "site_servers": ["ps1", "ps2"],
        }
    ],
    "gateways": [
        {
            "name": name,
            "fqdn": f"{name}.example",
            "connection": {"transport": "ssh", "address": address, "credential": "gw-root"},
            "servers": [{"notification_server": "ns1"}, {"site_server": "ps1"}, {"site_server": "ps2"}],
        }
        for name, address in (("gw1", "203.0.113.11"), ("gw2", "203.0.113.12"))
    ],
    "policies": [
        {
            "name": "CEM",
            "notification_server": "ns1",
            "gateways": ["gw1", "gw2"],
            "resource_targets": ["All laptops"],
        }
    ],
}

NS2: dict[str, Any] = {"name": "ns2", "fqdn": "ns2.corp.example", "root_authority": "ns2-root"}
NS2_ROOT: dict[str, Any] = {"kind": "ns-root", "source": "local", "notification_server": "ns2"}


def sample_data(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the sample as plain data, with each value set at its dotted path (``gateways.0.listen.port``).

    Sections on the way are made; the position after the last entry of a list appends.
    """
    data = copy.deepcopy(SAMPLE)
    for path, value in (changes or {}).items():
        parts: list[Any] = [int(part) if part.isdigit() else part for part in path.split(".")]
        *way, last = parts
        here: Any = data
        for part in way:
            here = here[part] if isinstance(here, list) else here.setdefault(part, {})
        if isinstance(here, list) and last == len(here):
            here.append(value)
        else:
            here[last] = value
    return data


def sample_estate(changes: dict[str, Any] | None = None) -> Estate:
    """Return the sample estate, with values set at dotted paths."""
    return Estate.model_validate(sample_data(changes))
