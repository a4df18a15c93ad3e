"""Every rule both ways: what makes it fire, with place and severity, and what next to it does not."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cemops.errors import EstateError
from cemops.model.document import load_estate_text
from cemops.rules.catalogue import MISSING_FILE, MODEL_PROBLEM, REFERENCE_PROBLEM, RULES, YAML_PROBLEM
from cemops.rules.framework import Finding, Severity
from cemops.rules.judgement import findings_of, judge
from tests.unit.sample_estate import NS2, NS2_ROOT, SAMPLE, sample_data, sample_estate

NOW = datetime(2026, 1, 31, tzinfo=UTC)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def findings(changes: dict[str, Any]) -> tuple[Finding, ...]:
    return judge(sample_estate(changes), None, NOW)


def balancer(**fields: Any) -> dict[str, Any]:
    virtual = [{"address": "203.0.113.21", "gateway": "gw1"}]
    return {"load_balancers": [{"name": "lb", "kind": "f5-bigip", "virtual_servers": virtual} | fields]}


def web(**sections: Any) -> dict[str, Any]:
    return {"site_server_settings.0.web": sections}


def flow(network: str, **fields: Any) -> dict[str, Any]:
    end = {"from": {"network": network}, "to": {"gateway": "gw1"}, "reason": "why"}
    return {"perimeter.flows": [end | fields]}


CHILD: dict[str, Any] = {
    "notification_servers.1": NS2 | {"parent": "ns1"},
    "authorities.ns2-root": NS2_ROOT,
}
PFX = {"pfx": "certs/shared.pfx", "password": "env:P"}
VENDOR: dict[str, Any] = {"kind": "ns-root", "source": "vendor", "notification_server": "ns1"}
WITH_FILES = VENDOR | {"certificate": "a.cer", "crl": "a.crl"}
WINDOWS = {"gateways.0.platform": "windows"}
TWO_ADDRESSES = {"gateways.0.listen.addresses": ["10.0.0.1", "10.0.0.2"]}
ONLY_NS1 = [{"notification_server": "ns1"}]
TWICE = [{"address": "203.0.113.21", "gateway": name} for name in ("gw1", "gw2")]

FIRES: list[tuple[str, dict[str, Any], str, Severity]] = [
    ("CEM101", {"policies.0.gateways": ["gw1"]}, "policies[0].gateways", WARNING),
    ("CEM101", {"policies.0.gateways": []}, "policies[0].gateways", WARNING),
    ("CEM101", {"policies.0.gateways": ["gw1", "gw1"]}, "policies[0].gateways", WARNING),
    ("CEM102", {"policies": [], "gateways.1.servers": [{"site_server": "ps1"}]}, "notification_servers[0]", WARNING),
    ("CEM103", {"gateways.1.servers": [{"site_server": "ps1"}, {"site_server": "ps2"}]}, "policies[0].gateways[1]", ERROR),
    ("CEM104", CHILD | {"gateways.0.servers.3": {"notification_server": "ns2"}}, "policies[0].gateways[1]", WARNING),
    ("CEM105", {"gateways.1.servers": [*ONLY_NS1, {"site_server": "ps1"}]}, "internet_sites[0].site_servers[1]", WARNING),
    ("CEM106", {"gateways.2": {"name": "gw3", "fqdn": "gw3.example", "public_address": "203.0.113.9"}}, "gateways[2].servers", WARNING),
    ("CEM107", {"gateways.1.fqdn": "gw1.example"}, "gateways[1].fqdn", WARNING),
    ("CEM108", {"gateways.0.listen.port": 22}, "gateways[0].listen.port", ERROR),
    ("CEM108", {"gateways.0.connection.port": 443, "gateways.0.listen.addresses": ["203.0.113.11"]}, "gateways[0].listen.port", ERROR),
    ("CEM109", WINDOWS | TWO_ADDRESSES, "gateways[0].listen.addresses", WARNING),
    ("CEM110", {"gateways.0.connection": None}, "gateways[0]", WARNING),
    ("CEM121", {"gateways.0.capacity.concurrent_connections": 15001}, "gateways[0].capacity.concurrent_connections", ERROR),
    ("CEM122", {"gateways.0.capacity.concurrent_connections": 15000}, "gateways[0].capacity.concurrent_connections", WARNING),
    ("CEM122", {"gateways.0.capacity.concurrent_connections": 3001}, "gateways[0].capacity.concurrent_connections", WARNING),
    ("CEM123", {"gateways.0.capacity.endpoints": 35001}, "gateways[0].capacity.endpoints", ERROR),
    ("CEM124", {"gateways.0.status_reporting": [{"notification_server": "ns1", "interval_minutes": 14}]}, "gateways[0].status_reporting[0].interval_minutes", ERROR),
    ("CEM124", {"gateways.0.status_reporting": [{"notification_server": "ns1", "interval_minutes": 1441}]}, "gateways[0].status_reporting[0].interval_minutes", ERROR),
    ("CEM125", {"notification_servers.1": NS2, "authorities.ns2-root": NS2_ROOT, "gateways.0.status_reporting": [{"notification_server": "ns2"}]}, "gateways[0].status_reporting[0].notification_server", ERROR),
    ("CEM201", {"gateways.0.certificate": PFX, "notification_servers.0.agent_site.certificate": PFX}, "notification_servers[0].agent_site.certificate", ERROR),
    ("CEM201", {"gateways.1.certificate": {"thumbprint": "AB" * 20}, "notification_servers.0.agent_site.certificate": {"thumbprint": "ab:" * 20}}, "notification_servers[0].agent_site.certificate", ERROR),
    ("CEM202", web(cem={"port": 443}), "site_server_settings[0].web.cem.port", ERROR),
    ("CEM202", {"site_servers.1.overrides.web": {"enabled": True, "https": {"port": 4726}}}, "site_servers[1].overrides.web.cem.port", ERROR),
    ("CEM203", web(cem={"port": 80}), "site_server_settings[0].web.cem.port", ERROR),
    ("CEM203", web(http={"port": 443}), "site_server_settings[0].web.https.port", ERROR),
    ("CEM204", {"site_servers.0.fqdn": "ns1.corp.example"}, "site_server_settings[0].web.cem.port", ERROR),
    ("CEM205", {"site_servers.0.overrides.web": {"cem": {"port": 5000}}}, "site_servers[0].overrides.web", INFO),
    ("CEM206", web(cem={"install_certificate": True}), "site_server_settings[0].web.cem.install_certificate", ERROR),
    ("CEM301", balancer(kind="haproxy"), "load_balancers[0].kind", ERROR),
    ("CEM302", balancer(mode="tls-offload"), "load_balancers[0].mode", ERROR),
    ("CEM303", balancer(virtual_servers=TWICE), "load_balancers[0].virtual_servers[1]", ERROR),
    ("CEM304", balancer(virtual_servers=[TWICE[0] | {"port": 8443}]), "load_balancers[0].virtual_servers[0].port", WARNING),
    ("CEM401", {"gateways.0.listen.port": 50120}, "gateways[0].listen.port", ERROR),
    ("CEM401", {"gateways.0.listen.port": 50124}, "gateways[0].listen.port", ERROR),
    ("CEM401", {"gateways.0.listen.port": 50122} | balancer(virtual_servers=[TWICE[0] | {"port": 50122}]), "load_balancers[0].virtual_servers[0].port", ERROR),
    ("CEM402", {"notification_servers.0.agent_site.port": 50121}, "gateways[0].servers[0]", ERROR),
    ("CEM403", flow("0.0.0.0/0", port=50123), "perimeter.flows[0].port", ERROR),
    ("CEM403", flow("2001:db8::/32", port=50123), "perimeter.flows[0].port", ERROR),
    ("CEM403", flow("0.0.0.0/0") | {"gateways.0.listen.port": 50123}, "perimeter.flows[0]", ERROR),
    ("CEM403", flow("10.0.0.0/8", port=50120, to={"network": "198.51.100.0/24"}), "perimeter.flows[0].port", ERROR),
    ("CEM501", {"pki": {}}, "authorities.ns1-root", ERROR),
    ("CEM502", {"authorities.ns1-root": VENDOR}, "authorities.ns1-root", ERROR),
    ("CEM503", {"authorities.ns1-root": VENDOR | {"certificate": "a.cer"}}, "authorities.ns1-root", INFO),
    ("CEM504", {"authorities.ns1-root.crl": "a.crl"}, "authorities.ns1-root.crl", INFO),
    ("CEM505", {"pki": {}}, "gateways[0].certificate", WARNING),
    ("CEM506", {"authorities.ns1-root": WITH_FILES}, "notification_servers[0]", INFO),
    ("CEM506", {"authorities.ns1-root": WITH_FILES | {"source": "external"}}, "notification_servers[0]", INFO),
]  # fmt: skip

QUIET: list[tuple[str, dict[str, Any]]] = [
    ("CEM101", {"policies.0.gateways": ["gw1"], "policies.0.enabled": False}),
    ("CEM102", {"policies": []}),
    ("CEM102", {"gateways.1.servers": [{"site_server": "ps1"}]}),
    ("CEM103", {"gateways.0.servers": ONLY_NS1}),
    ("CEM104", CHILD | {f"gateways.{i}.servers.3": {"notification_server": "ns2"} for i in (0, 1)}),
    ("CEM104", CHILD | {"policies.0.enabled": False}),
    ("CEM105", {"policies.0.gateways": ["gw1"], "gateways.1.servers": ONLY_NS1}),
    ("CEM107", {"gateways.1.fqdn": "gw1.example", "gateways.1.listen.port": 8443}),
    ("CEM108", {"gateways.0.listen.port": 22, "gateways.0.public_address": "198.51.100.1"}),
    ("CEM108", {"gateways.0.listen": {"port": 22, "addresses": ["198.51.100.1"]}}),
    ("CEM109", TWO_ADDRESSES),
    ("CEM109", WINDOWS),
    ("CEM110", {"gateways.0.connection": None, "gateways.0.public_address": "203.0.113.11"}),
    ("CEM121", {"gateways.0.capacity.concurrent_connections": 15000}),
    ("CEM122", {"gateways.0.capacity.concurrent_connections": 3000}),
    ("CEM122", {"gateways.0.capacity.concurrent_connections": 15001}),
    ("CEM123", {"gateways.0.capacity.endpoints": 35000}),
    ("CEM124", {"gateways.0.status_reporting": [{"notification_server": "ns1", "interval_minutes": 15}]}),
    ("CEM124", {"gateways.0.status_reporting": [{"notification_server": "ns1", "interval_minutes": 1440}]}),
    ("CEM125", {"gateways.0.status_reporting": [{"notification_server": "ns1"}]}),
    ("CEM201", {"gateways.0.certificate": PFX, "notification_servers.0.console_site.certificate": PFX}),
    ("CEM201", {"gateways.0.certificate": {"issued_by": "dmz-ca"}, "notification_servers.0.agent_site.certificate": {"issued_by": "dmz-ca"}}),
    ("CEM202", web(cem={"port": 443}, https={"enabled": False})),
    ("CEM202", web(cem={"port": 443, "enabled": False}) | {"gateways": [], "policies": []}),
    ("CEM202", {"site_servers.1.overrides.web": {"https": {"port": 4726}}}),
    ("CEM203", web(cem={"port": 80}, http={"enabled": False})),
    ("CEM204", {"site_servers.0.fqdn": "ns1.corp.example"} | web(cem={"port": 8443})),
    ("CEM205", {"site_servers.0.overrides.web": {"enabled": True}}),
    ("CEM206", web(cem={"install_certificate": True, "certificate": {"issued_by": "dmz-ca"}})),
    ("CEM301", balancer()),
    ("CEM302", balancer(mode="pass-through")),
    ("CEM303", balancer(virtual_servers=[TWICE[0], TWICE[1] | {"address": "203.0.113.22"}])),
    ("CEM304", balancer(virtual_servers=[TWICE[0] | {"port": 8443}]) | {"gateways.0.listen.port": 8443}),
    ("CEM401", {"gateways.0.listen.port": 50119}),
    ("CEM401", {"gateways.0.listen.port": 50125}),
    ("CEM402", {"notification_servers.0.agent_site.port": 50125}),
    ("CEM403", flow("10.0.0.0/8", port=50123)),
    ("CEM403", flow("fd00::/8", port=50123)),
    ("CEM403", flow("0.0.0.0/0", port=443)),
    ("CEM403", flow("0.0.0.0/0", to={"notification_server": "ns1"})),
    ("CEM501", {"pki": {}, "authorities.ns1-root.passphrase": "env:A", "authorities.dmz-ca.passphrase": "env:B"}),
    ("CEM502", {"authorities.ns1-root": WITH_FILES}),
    ("CEM502", {"authorities.ns1-root": VENDOR, "gateways": [], "policies": []}),
    ("CEM503", {"authorities.ns1-root": WITH_FILES}),
    ("CEM504", {"authorities.ns1-root": WITH_FILES}),
    ("CEM505", {"pki": {}, "gateways.0.certificate": PFX, "gateways.1.certificate": {"thumbprint": "AB" * 20}}),
    ("CEM505", {"pki": {}, "gateways.0.platform": "windows", "gateways.1.platform": "windows"}),
    ("CEM506", {"authorities.ns1-root": WITH_FILES, "notification_servers.0.probe_certificate": PFX}),
    ("CEM506", {"authorities.ns1-root": WITH_FILES, "gateways": [], "policies": []}),
    ("CEM506", {"authorities.ns1-root": WITH_FILES, "policies": []} | {f"gateways.{i}.servers": [{"site_server": "ps1"}] for i in (0, 1)}),
]  # fmt: skip


def test_sound_estate_has_no_finding() -> None:
    assert findings({}) == ()


@pytest.mark.parametrize(("rule", "changes", "path", "severity"), FIRES)
def test_rule_fires_at_its_place(rule: str, changes: dict[str, Any], path: str, severity: Severity) -> None:
    found = [(finding.path, finding.severity) for finding in findings(changes) if finding.rule == rule]
    assert (path, severity) in found


@pytest.mark.parametrize(("rule", "changes"), QUIET)
def test_rule_does_not_fire(rule: str, changes: dict[str, Any]) -> None:
    assert rule not in {finding.rule for finding in findings(changes)}


def test_every_rule_is_shown_both_ways() -> None:
    ids = {rule.id for rule in RULES}
    assert {case[0] for case in FIRES} == ids
    # An empty list is what every other case has not.
    assert {case[0] for case in QUIET} == ids - {"CEM106"}


def test_rule_ids_are_unique_and_well_formed() -> None:
    ids = [rule.id for rule in RULES] + [YAML_PROBLEM, MODEL_PROBLEM, REFERENCE_PROBLEM, MISSING_FILE]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"CEM\d{3}", name) for name in ids)


def test_an_interval_of_one_minute_is_said_as_one() -> None:
    report = {"notification_server": "ns1", "interval_minutes": 1}
    found = findings({"gateways.0.status_reporting": [report]})
    assert [finding.message for finding in found] == ["an interval of 1 minute is not possible: write 15 to 1440"]


@pytest.mark.parametrize(("without", "said"), [((1,), "gw2 does not list it"), ((0, 1), "gw1, gw2 do not list it")])
def test_gateways_without_a_site_server_are_said_in_their_number(without: tuple[int, ...], said: str) -> None:
    found = findings({f"gateways.{i}.servers": [*ONLY_NS1, {"site_server": "ps1"}] for i in without})
    assert [said in finding.message for finding in found if finding.rule == "CEM105"] == [True]


def test_documentation_lists_every_rule_as_it_is() -> None:
    listed = [line for line in Path("docs/rules.md").read_text().splitlines() if line.startswith("| CEM")]
    rows = [f"| {rule.id} | {rule.severity} | {rule.fact or ''} | {rule.title} |" for rule in RULES]
    assert listed[4:] == rows
    assert [line[2:8] for line in listed[:4]] == [YAML_PROBLEM, MODEL_PROBLEM, REFERENCE_PROBLEM, MISSING_FILE]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_says_what_it_is(rule: Any) -> None:
    assert rule.title
    assert rule.description != rule.title
    assert rule.fact is None or re.fullmatch(r"[A-Z]{1,2}-\d{2}", rule.fact)


@pytest.mark.parametrize("file", ["tests/cases/estate-example.yaml", "inventory/estate.yaml"])
def test_example_estates_have_no_error(file: str) -> None:
    loaded = load_estate_text(Path(file).read_text(), file)
    assert [found for found in judge(loaded.estate, loaded.document, NOW) if found.severity is ERROR] == []


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the path of every value below one."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, child in children for path in [(*here, key), *places(child, (*here, key))]]


@settings(max_examples=150, deadline=None)
@given(
    place=st.sampled_from(places(SAMPLE)),
    value=st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 70_000),
        st.sampled_from(["", "ns1", "gw1", "ps1", "x", "linux", "windows", "*", "10.0.0.1", "CEM"]),
        st.lists(st.sampled_from(["gw1", "ps1", "x"]), max_size=2),
        st.just({}),
    ),
)
def test_whatever_stands_anywhere_is_judged_or_refused_with_a_place(place: tuple[Any, ...], value: Any) -> None:
    data = sample_data()
    here: Any = data
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = value
    try:
        loaded = load_estate_text(yaml.safe_dump(data, sort_keys=False), "estate.yaml")
    except EstateError as error:
        found = findings_of(error.problems)
        assert all(finding.severity is ERROR for finding in found)
    else:
        found = judge(loaded.estate, loaded.document, NOW)
    assert all(finding.line >= 1 and finding.message for finding in found)
    assert list(found) == sorted(found, key=lambda finding: finding.line)


def test_findings_are_in_the_order_of_the_file_with_line_and_column() -> None:
    file = "tests/cases/estate-example.yaml"
    loaded = load_estate_text(Path(file).read_text(), file)
    missing = [(("credentials", "gw-root", "private_key_file"), "~/.ssh/id_ed25519")]
    found = judge(loaded.estate, loaded.document, NOW, missing)
    assert [(finding.line, finding.rule, finding.severity, finding.file) for finding in found] == [
        (9, "CEM003", INFO, file),
        (17, "CEM503", INFO, file),
        (46, "CEM506", INFO, file),
        (118, "CEM122", WARNING, file),
    ]
    assert found[0].column == 47


def test_finding_at_a_default_stands_at_the_nearest_section() -> None:
    text = (
        "cemops: 1\nestate: x\nauthorities:\n  r: {kind: ns-root, source: local, passphrase: env:P}\n"
        "notification_servers:\n  - name: ns1\n    fqdn: ns1.example\n    root_authority: r\n"
        "site_server_settings:\n  - notification_server: ns1\n    web:\n      https: {port: 4726}\n"
    )
    loaded = load_estate_text(text, "estate.yaml")
    (found,) = judge(loaded.estate, loaded.document, NOW)
    assert (found.rule, found.path, found.line) == ("CEM202", "site_server_settings[0].web.cem.port", 12)


@settings(max_examples=50, deadline=None)
@given(
    connections=st.integers(1, 50_000),
    endpoints=st.integers(1, 100_000),
    interval=st.integers(1, 3000),
    port=st.integers(1, 65535),
)
def test_limits_hold_for_every_number(connections: int, endpoints: int, interval: int, port: int) -> None:
    changes = {
        "gateways.0.capacity": {"endpoints": endpoints, "concurrent_connections": connections},
        "gateways.0.status_reporting": [{"notification_server": "ns1", "interval_minutes": interval}],
        "gateways.0.listen.port": port,
    }
    rules = {finding.rule for finding in findings(changes)}
    assert ("CEM121" in rules) == (connections > 15_000)
    assert ("CEM122" in rules) == (3_000 < connections <= 15_000)
    assert ("CEM123" in rules) == (endpoints > 35_000)
    assert ("CEM124" in rules) == (not 15 <= interval <= 1440)
    assert ("CEM401" in rules) == (50_120 <= port <= 50_124)
    assert ("CEM108" in rules) == (port == 22)
