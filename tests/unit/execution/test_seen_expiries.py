"""What runs out on the hosts of a run, from recorded answers of real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.gateway_state import parse_gateway_state
from cemops.execution.seen_expiries import seen_expiries
from tests.unit.execution.windows_state.windows_cases import observed
from tests.unit.sample_estate import sample_data

CASES = Path("tests/cases/gateway-state")


@pytest.fixture
def context(tmp_path: Path) -> EstateContext:
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data()), "utf-8")
    return EstateContext.of(read_estate(file))


def test_a_gateway_that_serves_has_certificate_authority_and_list(context: EstateContext) -> None:
    state = parse_gateway_state((CASES / "applied.txt").read_text("utf-8").splitlines())
    found = list(seen_expiries(context, {"gw1": state}))
    assert [(one.host, one.use) for one in found] == [("gw1", "gateway"), ("gw1", "client_ca"), ("gw1", "crl")]
    assert found[0].name == "gw1.lab.example"
    assert found[0].at > found[2].at


def test_a_fresh_gateway_has_nothing(context: EstateContext) -> None:
    state = parse_gateway_state((CASES / "fresh.txt").read_text("utf-8").splitlines())
    assert list(seen_expiries(context, {"gw1": state})) == []


def test_a_windows_server_has_the_certificates_of_its_endpoints(context: EstateContext) -> None:
    machine = observed("site-server")
    found = list(seen_expiries(context, {"ps1": machine}))
    assert found
    assert {one.endpoint for one in found} <= {entry.endpoint for entry in machine.ssl_entries}
    assert {one.use for one in found} == {"http_sys"}


def test_a_windows_machine_that_is_no_gateway_yet_has_nothing(context: EstateContext) -> None:
    assert list(seen_expiries(context, {"gw1": observed("gateway-without-iis")})) == []
