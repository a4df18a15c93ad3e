"""The answer of ``observe.sh``: recorded ones, and that a damaged one is never taken for an empty host."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyinfra.api.exceptions import FactProcessError

from cemops.execution.gateway_fact import GatewayState
from cemops.execution.gateway_kind import GatewayKind
from cemops.execution.gateway_state import GatewayStateError, parse_gateway_state
from cemops.model.host_lock import LIFETIME, HostLock
from cemops.model.observed import ObservedGateway

CASES = Path("tests/cases/gateway-state")
HEADER = "cemops-gateway-state\t1"


def lines_of(name: str) -> list[str]:
    return (CASES / f"{name}.txt").read_text("utf-8").splitlines()


def changed(name: str, key: str, value: str | None) -> list[str]:
    """The case with the value of each line of ``key`` set, or the lines left out."""
    return [
        f"{key}\t{value}" if line.startswith(f"{key}\t") else line
        for line in lines_of(name)
        if value is not None or not line.startswith(f"{key}\t")
    ]


APPLIED = "\n".join(lines_of("applied")).encode()


@pytest.mark.parametrize("path", sorted(CASES.glob("*.txt")), ids=lambda path: str(path.stem))
def test_every_case_names_its_source_and_can_be_read(path: Path) -> None:
    first, *_ = lines = path.read_text("utf-8").splitlines()
    assert first.startswith(("# Recorded on ", "# Hand-made from "))
    assert isinstance(parse_gateway_state(lines), ObservedGateway)


def test_a_recorded_gateway_is_understood() -> None:
    found = parse_gateway_state(lines_of("applied"))
    assert found.httpd is not None
    assert (found.httpd.binary, found.httpd.missing_modules) == ("/usr/sbin/apache2", ())
    assert found.current is not None
    assert set(found.releases[found.current]) == {"httpd.conf", "client-ca.pem", "client-crl.pem"}
    assert found.live_files["httpd.conf"].startswith("# Internet gateway gw1.lab.example")
    assert found.certificate is not None
    assert (found.certificate.pem or "").startswith("-----BEGIN CERTIFICATE-----")
    assert len(found.certificate.key_public_sha256 or "") == 64
    assert found.service.running
    assert found.service.loaded == found.current == found.confirmed
    assert (found.service.started_with or "").startswith("ServerLimit=")
    assert {seen.mode for name, seen in found.tls_files.items() if name.endswith(".key")} == {"400"}
    assert "127.225.48.195" in found.resolved["ns1"]
    assert found.pending is None
    assert "fe80::fc00:fffe:1" not in found.own_addresses
    assert "fe80::fc:ff:fe00:1" in found.own_addresses


def test_a_fresh_host_holds_nothing_of_ours() -> None:
    found = parse_gateway_state(lines_of("fresh"))
    assert found.httpd is not None
    assert (found.current, found.releases, found.certificate) == (None, {}, None)
    assert not found.service.running


def test_a_banner_before_the_header_is_passed_over_whatever_it_says() -> None:
    assert parse_gateway_state(lines_of("banner")) == parse_gateway_state(lines_of("fresh"))


def test_a_small_system_is_read_for_what_it_lacks() -> None:
    found = parse_gateway_state(lines_of("busybox-like"))
    assert (found.httpd, found.openssl, found.account_exists) == (None, None, False)
    assert (found.limits.nofile_hard, found.limits.threads_max) == (None, None)
    assert found.limits.pid_max is None
    assert found.resolved["ps2.corp.lab.example"] == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("clock", "soon"),
        ("clock", "9" * 30),
        ("clock", ""),
        ("clock", None),
        ("uid", "root"),
        ("uid", None),
        ("stat", "444"),
        ("stat", "444 root releases/a/b"),
        ("contents", "no base64"),
        ("contents", "QUJD"),
        ("sizes", "1 2 3"),
        ("sizes", "many"),
        ("collected", "live:nothing own-addresses"),
        ("address6", "xyz"),
        ("kernel-limits", "many"),
        ("resolve", ""),
        ("key-digest", "%%%"),
        ("fips", "maybe"),
        ("end", None),
        ("end", "0"),
        ("end", "1\nend\t1"),
    ],
)
def test_a_garbled_value_is_an_error(key: str, value: str | None) -> None:
    lines = changed("applied", key, value)
    if lines == lines_of("applied"):  # the recorded answer has no such line
        lines.insert(-1, f"{key}\t{value}")
    with pytest.raises(GatewayStateError):
        parse_gateway_state("\n".join(lines).splitlines())


@pytest.mark.parametrize(
    "lines", [[], [""], ["sh: not found"], ["end\t1"], [HEADER], ["cemops-gateway-state\t2", "end\t1"]]
)
def test_what_is_no_answer_is_an_error(lines: list[str]) -> None:
    with pytest.raises(GatewayStateError):
        parse_gateway_state(lines)


def test_a_pending_switch_without_its_parts_is_an_error() -> None:
    lines = lines_of("applied")
    with pytest.raises(GatewayStateError):
        parse_gateway_state([*lines[:-1], "pending\tdG9rZW4gYWJjCg==", lines[-1]])


def test_pyinfra_is_told_of_a_damaged_answer_by_its_own_error() -> None:
    fact = GatewayState.__new__(GatewayState)
    with pytest.raises(FactProcessError, match="cut off before its end"):
        fact.process(lines_of("applied")[:-1])
    assert fact.process(lines_of("fresh")).lines == tuple(lines_of("fresh"))


@given(st.integers(0, len(lines_of("applied")) - 1))
def test_an_answer_cut_after_any_line_is_an_error(count: int) -> None:
    with pytest.raises(GatewayStateError):
        parse_gateway_state(lines_of("applied")[:count])


@given(st.integers(0, len(APPLIED) - 1))
@settings(max_examples=300)
def test_an_answer_cut_after_any_byte_is_an_error(count: int) -> None:
    with pytest.raises(GatewayStateError):
        parse_gateway_state(APPLIED[:count].decode("utf-8", "replace").split("\n"))


@given(st.integers(0, len(APPLIED) - 1), st.binary(min_size=1, max_size=3))
@settings(max_examples=300)
def test_a_changed_byte_gives_a_state_or_our_error_and_nothing_else(place: int, value: bytes) -> None:
    garbled = APPLIED[:place] + value + APPLIED[place + 1 :]
    try:
        parse_gateway_state(garbled.decode("utf-8", "replace").split("\n"))
    except GatewayStateError:
        return


def locked(text: str) -> list[str]:
    *lines, end = lines_of("applied")
    return [*lines, f"lock-token\t{'a' * 32}", f"lock\t{base64.b64encode(text.encode()).decode()}", end]


def test_who_holds_the_lock_is_read_and_not_in_the_digest() -> None:
    found = parse_gateway_state(
        locked("store s1\nowner Zoë X on ops (process 5)\nsince 1700000000\nexpires 1700001800\n")
    )
    since = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert found.lock == HostLock("a" * 32, "s1", "Zoë X on ops (process 5)", since, since + LIFETIME)
    assert GatewayKind().digest(found) == GatewayKind().digest(parse_gateway_state(lines_of("applied")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "store s1\nowner x\nsince 17",
        "store s\nowner o\nsince 1\nexpires soon\n",
        "store s\nowner o\nsince 1\nexpires 99999999999999\n",
    ],
)
def test_a_lock_that_was_not_written_whole_is_none(text: str) -> None:
    assert parse_gateway_state(locked(text)).lock is None
