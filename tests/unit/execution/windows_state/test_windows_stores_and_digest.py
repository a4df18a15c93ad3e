"""Certificates of the stores, and the digest by which a plan tells whether a machine is still as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cemops.execution.windows_state.digest import windows_observation_digest
from cemops.execution.windows_state.state import parse_state
from tests.unit.execution.windows_state.windows_cases import OBSERVED_AT, observed, state_data


def test_certificates_are_read_with_keys_readers_and_names() -> None:
    machine = observed("notification-server")
    (certificate,) = machine.personal()
    assert certificate.facts.dns_names == ("ns1.corp.northwind.example", "smp.corp.northwind.example")
    assert (certificate.has_private_key, certificate.friendly_name) == (True, "NS web")
    assert certificate.readers == ("S-1-5-18", "S-1-5-20")
    assert machine.stores["CA"] is None


def test_what_is_no_certificate_is_a_sentence_and_the_rest_is_read() -> None:
    machine = observed("notification-server")
    root = machine.stores["Root"]
    assert root is not None
    assert [one.facts.is_ca for one in root] == [True]
    assert [s for s in machine.unreadable if "LocalMachine\\Root cannot be read as X.509" in s]


def test_a_huge_certificate_is_a_sentence() -> None:
    data = state_data("notification-server")
    data["stores"]["My"][0]["der"] = "AAAA" * 30_000
    machine = parse_state(data, None)
    assert machine.personal() == ()
    assert [s for s in machine.unreadable if "larger than 65536 bytes" in s]


def test_the_digest_does_not_see_clocks_process_ids_orders_or_locks() -> None:
    data = state_data("notification-server")
    before = windows_observation_digest(parse_state(data, OBSERVED_AT))
    data["lock"] = {"token": "a", "store": "s", "owner": "bob", "since_ms": 1, "expires_ms": 2}
    data["time_ms"] += 5000
    data["services"]["W3SVC"]["pid"] = 77
    rules = data["registry"][3]["tree"]
    rules["values"] = dict(reversed(rules["values"].items()))
    assert windows_observation_digest(parse_state(data, OBSERVED_AT + timedelta(hours=1))) == before
    assert before.startswith("sha256:")


def test_the_digest_takes_binary_values_of_the_registry() -> None:
    gateway = observed("gateway-without-iis")
    assert windows_observation_digest(gateway) != windows_observation_digest(replace(gateway, registry={}))


Change = Callable[[dict[str, Any]], object]


def _rule(data: dict[str, Any]) -> None:
    entry = data["registry"][3]["tree"]["values"]["cemops-agent-site"]
    entry["data"] = entry["data"].replace("LPort=4726", "LPort=4727")


CHANGES: dict[str, Change] = {
    "a binding": lambda data: data["iis"].update(config=data["iis"]["config"].replace("*:443:", "*:444:")),
    "an http.sys setting": lambda data: data["registry"][0]["tree"]["keys"]["0.0.0.0:443"]["values"][
        "DefaultFlags"
    ].update(data=1),
    "a rule": _rule,
    "a lost private key": lambda data: data["stores"]["My"][0].update(has_private_key=False),
    "a reader of a key": lambda data: data["stores"]["My"][0].update(readers=[]),
    "a stopped service": lambda data: data["services"]["W3SVC"].update(state="Stopped"),
    "a fired dead man": lambda data: data["dead_men"][0].update(fired=True),
    "an address": lambda data: data["names"].update({"gw1.northwind.example": ["203.0.113.99"]}),
    "an account": lambda data: data["accounts"].update(acc={"enabled": True, "locked": True}),
    "a file": lambda data: data["files"].update({"C:\\x": {"sha256": "ab" * 32, "size": 1, "content": None}}),
    "no IIS": lambda data: data.update(iis=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_sees_what_matters(change: Change) -> None:
    data = state_data("notification-server")
    before = windows_observation_digest(parse_state(data, None))
    change(data)
    assert windows_observation_digest(parse_state(data, None)) != before
