"""A machine's answer as ``ObservedWindows``, and that a damaged one is never taken for an empty machine."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemops.execution.windows_state.errors import WindowsStateError
from cemops.execution.windows_state.request import (
    OWN_TREES,
    FileWanted,
    FolderWanted,
    RegistryTree,
    state_request,
)
from cemops.execution.windows_state.state import parse_state
from cemops.model.host_lock import LIFETIME, HostLock
from cemops.model.windows_observed import ObservedFileContent, ObservedWindows, WindowsService
from tests.unit.execution.windows_state.windows_cases import CASES, OBSERVED_AT, observed, state_data


def packed(data: object) -> dict[str, str]:
    return {"gzip": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: str(path.stem))
def test_every_case_names_its_source_and_windows_and_can_be_read(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    assert case["source"].startswith(("Recorded on ", "Hand-made after "))
    assert case["windows"].startswith("Windows Server ")
    assert isinstance(parse_state(case["data"], None), ObservedWindows)


def test_a_packed_state_is_the_same_as_an_unpacked_one() -> None:
    data = state_data("notification-server")
    assert parse_state(packed(data), OBSERVED_AT) == parse_state(data, OBSERVED_AT)


def test_times_are_aware_and_in_utc() -> None:
    machine = observed("notification-server")
    assert machine.clock == datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
    assert (machine.dead_men[0].due - machine.clock).total_seconds() == 60
    assert machine.observer_clock == OBSERVED_AT


def test_who_holds_the_lock_is_read() -> None:
    data = state_data("notification-server")
    assert parse_state(data, None).lock is None, "a record of before there were locks"
    assert parse_state({**data, "lock": None}, None).lock is None
    told = {"token": "a", "store": "s", "owner": "bob", "since_ms": 1_700_000_000_000, "expires_ms": 1_700_001_800_000}
    since = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert parse_state({**data, "lock": told}, None).lock == HostLock("a", "s", "bob", since, since + LIFETIME)
    with pytest.raises(WindowsStateError, match=r"lock\.owner is not a text"):
        parse_state({**data, "lock": {**told, "owner": 5}}, None)


def test_machine_services_names_and_accounts_are_read() -> None:
    machine, server = observed("notification-server"), observed("site-server")
    assert (machine.computer, machine.os_version, machine.elevated) == ("NS1", "10.0.17763", True)
    assert machine.services["W3SVC"] == WindowsService(
        "W3SVC", "Running", "Automatic", "LocalSystem", "C:\\Windows\\system32\\svchost.exe -k iissvcs", 1204
    )
    assert machine.services["NoSuchService"] is None
    assert machine.resolved == {"gw1.northwind.example": ("203.0.113.11",), "nowhere.example": ()}
    assert server.accounts == {"acc-agent": None, "old-agent": (True, True)}
    assert server.is_domain_controller
    assert not machine.is_domain_controller


def test_files_and_folders_come_with_their_content_where_it_was_sent() -> None:
    gateway = observed("gateway-without-iis")
    configuration = gateway.files["C:\\gw\\Apache\\conf\\httpd.conf"]
    assert configuration is not None
    assert configuration.content == b"Listen 443\n"
    assert gateway.files["C:\\gw\\missing"] is None
    certificates = gateway.folders["C:\\gw\\Apache\\certs"]
    assert certificates is not None
    assert certificates["server.key"] == ObservedFileContent("cd" * 32, 1704, None)
    assert gateway.folders["C:\\gw\\Apache\\logs"] is None


def test_both_views_of_the_registry_are_kept_apart() -> None:
    path = "HKLM:\\SOFTWARE\\Symantec\\Gateway"
    registry = observed("gateway-without-iis").registry
    assert registry[path] is None
    assert registry[RegistryTree(path, "32").name] == {
        "values": {
            "InstallDir": "%ProgramFiles(x86)%\\Symantec",
            "Ports": ("443",),
            "Blob": b"\x00\x01",
            "Big": 2**64 - 1,
        },
        "keys": {"Settings": {"values": {}, "keys": {}}},
    }


def test_own_trees_are_not_repeated_among_the_further_ones() -> None:
    assert observed("notification-server").registry == {}


def test_a_request_names_each_thing_once_and_the_view_of_each_tree() -> None:
    request = state_request(
        services=["W3SVC", "W3SVC"],
        accounts=["acc"],
        files=[FileWanted("C:\\a", content=True)],
        folders=[FolderWanted("C:\\b", 10)],
        names=["gw1.example"],
        registry=[RegistryTree(OWN_TREES[0]), RegistryTree("HKLM:\\SOFTWARE\\X", "32")],
    )
    want = request["want"]
    assert request["verb"] == "state"
    assert want["registry"] == [
        *({"path": path, "view": "64"} for path in OWN_TREES),
        {"path": "HKLM:\\SOFTWARE\\X", "view": "32"},
    ]
    assert want["stores"] == ["My", "Root", "CA"]
    assert want["services"] == ["W3SVC"]
    assert want["folders"] == [{"path": "C:\\b", "content_below": 10, "hash_only": ["*.key", "*.pfx", "*.p12"]}]
    assert want["files"] == [{"path": "C:\\a", "content": True}]
    assert (want["accounts"], want["names"]) == (["acc"], ["gw1.example"])


Change = Callable[[dict[str, Any]], object]
DAMAGE: dict[str, tuple[Change, str]] = {
    "wrong schema": (lambda data: data.update(schema=2), "schema 2, not 1"),
    "no schema": (lambda data: data.pop("schema"), "no schema"),
    "schema as text": (lambda data: data.update(schema="1"), "schema is not an integer"),
    "time as boolean": (lambda data: data.update(time_ms=True), "time_ms is not an integer"),
    "time of no calendar": (lambda data: data.update(time_ms=10**30), "no moment of time"),
    "no registry": (lambda data: data.pop("registry"), "no registry"),
    "a tree left out": (lambda data: data["registry"].pop(3), "says nothing of HKLM:.*FirewallRules"),
    "unknown view": (lambda data: data["registry"][0].update(view="16"), "view is '16'"),
    "unknown kind": (
        lambda data: data["registry"][3]["tree"]["values"]["number"].update(kind="Link"),
        "kind Link",
    ),
    "negative number": (
        lambda data: data["registry"][3]["tree"]["values"]["number"].update(data=-1),
        "no unsigned integer",
    ),
    "stores as list": (lambda data: data.update(stores=[]), "stores is not an object"),
    "bad base64": (lambda data: data["stores"]["My"][0].update(der="*"), "der is not base64"),
    "key flag as text": (
        lambda data: data["stores"]["My"][0].update(has_private_key="false"),
        "neither true nor false",
    ),
    "addresses as text": (lambda data: data["names"].update(x="10.0.0.1"), "names.x is not a list"),
    "addresses as numbers": (lambda data: data["names"].update(x=[1]), "not a list of texts"),
    "no dead men": (lambda data: data.pop("dead_men"), "no dead_men"),
    "no iis": (lambda data: data.pop("iis"), "no iis"),
    "service as text": (lambda data: data["services"].update(W3SVC="Running"), "W3SVC is not an object"),
}


@pytest.mark.parametrize(("change", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_answer_is_an_error_that_says_the_repair(change: Change, words: str) -> None:
    data = state_data("notification-server")
    change(data)
    with pytest.raises(WindowsStateError, match=words) as error:
        parse_state(data, None)
    assert "observe again" in error.value.message
    assert "nothing was changed" in error.value.message


def test_too_many_certificates_are_refused() -> None:
    data = state_data("notification-server")
    data["stores"]["Root"] = data["stores"]["My"] * 5001
    with pytest.raises(WindowsStateError, match="more than 5000 certificates"):
        parse_state(data, None)


def test_a_registry_tree_without_end_is_refused() -> None:
    data = state_data("notification-server")
    tree: dict[str, Any] = {"values": {}, "keys": {}}
    for _ in range(70):
        tree = {"values": {}, "keys": {"k": tree}}
    data["registry"].append({"path": "HKLM:\\X", "view": "64", "tree": tree})
    with pytest.raises(WindowsStateError, match="deeper than 64"):
        parse_state(data, None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"gzip": "AAAA"}, "cannot be unpacked"),
        ({"gzip": 7}, "gzip is not a text"),
        (packed([1]), "not an object"),
        ({"gzip": base64.b64encode(gzip.compress(b"{")).decode()}, "not JSON"),
        ({"gzip": base64.b64encode(gzip.compress(bytes(64 * 1024 * 1024 + 1))).decode()}, "larger than"),
    ],
    ids=["no gzip", "number", "list", "cut JSON", "bomb"],
)
def test_a_state_that_cannot_be_unpacked_is_an_error(data: dict[str, Any], words: str) -> None:
    with pytest.raises(WindowsStateError, match=words):
        parse_state(data, None)


WHOLE = gzip.compress(json.dumps(state_data("site-server")).encode())


@settings(deadline=None, max_examples=60)
@given(st.integers(min_value=0, max_value=len(WHOLE) - 1))
def test_a_state_cut_anywhere_is_an_error(length: int) -> None:
    with pytest.raises(WindowsStateError):
        parse_state({"gzip": base64.b64encode(WHOLE[:length]).decode()}, None)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(state_data("site-server"))), PLAIN)
def test_a_field_with_anything_in_it_is_read_or_an_error(field: str, value: object) -> None:
    data = state_data("site-server")
    data[field] = value
    try:
        machine = parse_state(data, None)
    except WindowsStateError:
        return
    assert isinstance(machine, ObservedWindows)
