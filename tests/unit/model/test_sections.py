from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cemops.model.document import load_estate_text
from cemops.model.estate import Estate
from tests.unit.sample_estate import sample_estate

EXAMPLES = [Path("tests/cases/estate-example.yaml"), Path("inventory/estate.yaml")]


@pytest.mark.parametrize("file", EXAMPLES, ids=str)
def test_example_estates_load(file: Path) -> None:
    assert load_estate_text(file.read_text(), str(file)).estate.gateways


@pytest.mark.parametrize("file", EXAMPLES, ids=str)
def test_estate_written_out_reads_back_as_the_same(file: Path) -> None:
    estate = load_estate_text(file.read_text(), str(file)).estate
    assert Estate.model_validate(estate.model_dump(mode="json", by_alias=True)) == estate


def test_two_fields_are_enough() -> None:
    estate = Estate.model_validate({"cemops": 1, "estate": "x"})
    assert (estate.gateways, estate.pki.folder, estate.change.max_plan_age_hours) == ((), "pki", 24)


@pytest.mark.parametrize("version", [2, "1", True, 1.0, None])
def test_only_version_one_is_read(version: Any) -> None:
    with pytest.raises(ValidationError):
        Estate.model_validate({"cemops": version, "estate": "x"})


def test_small_linux_gateway_has_the_defaults() -> None:
    gateway = sample_estate().gateways[0]
    assert (gateway.platform, gateway.layout, gateway.root) == ("linux", "httpd", "/etc/cemops-gateway")
    assert (gateway.listen.addresses, gateway.listen.port, gateway.tls) == (("*",), 443, ("1.2", "1.3"))
    assert gateway.certificate.model_dump() == {"self_signed": {"valid_years": 5}}
    assert (gateway.service.manager, gateway.service.account, gateway.confirm_seconds) == ("systemd", "cemgw", 60)
    assert (gateway.connection and gateway.connection.port) == 22


def test_declared_service_of_a_windows_gateway_is_kept() -> None:
    service = {"account": "CORP\\gw", "auto_refresh": True}
    gateway = sample_estate({"gateways.0.platform": "windows", "gateways.0.service": service}).gateways[0]
    assert gateway.service.model_dump() == {"manager": "windows", "account": "CORP\\gw", "auto_refresh": True}


def test_windows_hosts_may_be_managed_by_ssh() -> None:
    estate = sample_estate({"gateways.0.platform": "windows"})
    assert estate.gateways[0].connection is not None
    assert estate.gateways[0].connection.transport == "ssh"


def test_service_account_may_be_the_one_that_logs_on() -> None:
    service = {"manager": "direct", "account": None}
    assert sample_estate({"gateways.0.service": service}).gateways[0].service.account is None


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"pfx": "a.pfx", "issued_by": "dmz-ca"},
        {"thumbprint": "AB" * 20, "self_signed": {}},
        {"nothing": 1},
        "self_signed",
        None,
    ],
)
def test_certificate_has_exactly_one_source(source: Any) -> None:
    with pytest.raises(ValidationError, match="exactly one of: self_signed, pfx, issued_by, thumbprint"):
        sample_estate({"gateways.0.certificate": source})


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"self_signed": {}}, "self_signed"),
        ({"pfx": "a.pfx"}, "pfx"),
        ({"issued_by": "dmz-ca"}, "issued_by"),
        ({"thumbprint": "ab " * 20}, "thumbprint"),
    ],
)
def test_certificate_source_tells_its_kind(source: dict[str, Any], kind: str) -> None:
    assert sample_estate({"gateways.0.certificate": source}).gateways[0].certificate.kind == kind


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("gateways.0.servers.0", {"notification_server": "ns1", "site_server": "ps1"}),
        ("gateways.0.servers.0", {}),
        ("gateways.0.listen.addresses", []),
        ("gateways.0.confirm_seconds", 0),
        ("gateways.0.confirm_seconds", 3601),
        ("gateways.0.capacity", {"endpoints": 0}),
        ("gateways.0.fips", "yes"),
        ("gateways.0.fips", 1),
        ("gateways.0.unknown", 1),
        ("gateways.0.connection.transport", "telnet"),
        (
            "notification_servers.0.connection",
            {"transport": "winrm", "address": "a.b", "credential": "x", "server_certificate": {}},
        ),
        (
            "perimeter.flows",
            [{"from": {"network": "10.0.0.0/8", "gateway": "gw1"}, "to": {"gateway": "gw1"}, "reason": "x"}],
        ),
        ("authorities.x", {"kind": "gateway-ca", "source": "external"}),
        ("credentials.x", {"username": "root", "become": "su"}),
        ("change_windows", [{"name": "w", "days": [], "start": "02:00", "duration_minutes": 1}]),
    ],
)
def test_value_that_cannot_be_is_refused(place: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        sample_estate({place: value})


def test_estate_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        sample_estate().gateways[0].listen.port = 1  # type: ignore[misc] # what is tested


def test_errors_do_not_show_what_stands_in_the_file() -> None:
    with pytest.raises(ValidationError) as caught:
        sample_estate({"pki": {"passphrase": "hunter2-canary"}})
    assert "hunter2-canary" not in str(caught.value)
