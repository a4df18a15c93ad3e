"""The whole way from text to estate: every problem at once, each at its line and column, with its repair."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemops.errors import EstateError, Problem
from cemops.model.document import format_path, load_estate_text, parse_document

ESTATE = """\
cemops: 1
estate: northwind
credentials:
  ns-admin: {username: 'CORP\\svc', password: "env:NS_PASSWORD"}
  gw-root: {username: root, private_key_file: ~/.ssh/id_ed25519}
authorities:
  ns1-root: {kind: ns-root, source: external, certificate: certs/ns1-root.cer}
notification_servers:
  - name: ns1
    fqdn: ns1.corp.example
    version: "8.6 RU2"
    root_authority: ns1-root
    agent_site: {name: Symantec Agent Site, port: 4726, certificate: {pfx: certs/a.pfx, password: "env:PFX"}}
gateways:
  - name: gw1
    fqdn: gw1.example
    platform: linux
    layout: httpd
    connection: {transport: ssh, address: 203.0.113.11, credential: gw-root}
    root: /etc/cemops-gateway
    listen: {addresses: ["*"], port: 443}
    servers:
      - {notification_server: ns1}
    certificate: {self_signed: {valid_years: 5}}
    service: {manager: direct, account: cemgw}
"""


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(EstateError) as caught:
        load_estate_text(text, "estate.yaml")
    return caught.value.problems


def only_problem(old: str, new: str) -> Problem:
    """Return the one problem that replacing a piece of the sound estate makes."""
    assert ESTATE.count(old) == 1, old
    found = problems_of(ESTATE.replace(old, new))
    assert len(found) == 1, found
    return found[0]


def place_in(text: str, piece: str) -> tuple[int, int]:
    before = text[: text.index(piece)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_a_sound_estate_is_loaded_with_the_places_of_its_values() -> None:
    loaded = load_estate_text(ESTATE, "estate.yaml")
    assert loaded.estate.gateways[0].listen.port == 443
    assert loaded.document.place(("gateways", 0, "listen", "port")) == place_in(ESTATE, "443}")


def test_a_path_is_formatted_as_people_read_it() -> None:
    assert format_path(("gateways", 0, "listen", "port")) == "gateways[0].listen.port"
    assert format_path(()) == ""
    assert format_path(("authorities", "a.b", "kind")) == "authorities['a.b'].kind"
    assert format_path(("a\u202e",)) == "['a\\u202e']"


def test_a_problem_stands_at_the_nearest_place_that_the_file_has() -> None:
    document, problems = parse_document("gateways:\n  - name: gw1\n", "e.yaml")
    assert problems == ()
    found = document.problem(("gateways", 0, "listen", "port"), "text", "IG-01")
    assert found == Problem("gateways[0].listen.port", "text", "e.yaml", 2, 5, "IG-01", "model")
    assert str(found) == "e.yaml:2:5: gateways[0].listen.port: text"


@pytest.mark.parametrize(
    ("old", "new", "at", "path", "says"),
    [
        ("port: 443}", "port: 0443}", "0443", "gateways[0].listen.port", "reads 0443 as 291 (octal)"),
        ("port: 443}", "port: '443'}", "'443'", "gateways[0].listen.port", "without quotes"),
        ("port: 443}", "port: true}", "true", "gateways[0].listen.port", "1 to 65535"),
        ("port: 443}", "port: 70000}", "70000", "gateways[0].listen.port", "no port 70000"),
        ("port: 443}", "prot: 443}", "prot", "gateways[0].listen.prot", "did you mean 'port'?"),
        (
            "    platform: linux",
            "    plattform: linux",
            "plattform",
            "gateways[0].plattform",
            "did you mean 'platform'?",
        ),
        ("platform: linux", "platform: linus", "linus", "gateways[0].platform", "did you mean 'linux'?"),
        ("transport: ssh", "transport: shh", "shh", "gateways[0].connection.transport", "did you mean 'ssh'?"),
        ("transport: ssh, ", "", "{address", "gateways[0].connection.transport", "the key transport is missing"),
        (
            "self_signed:",
            "self_singed:",
            "self_singed",
            "gateways[0].certificate.self_singed",
            "did you mean 'self_signed'?",
        ),
        ("{self_signed: {valid_years: 5}}", "{}", "{}", "gateways[0].certificate", "exactly one of: self_signed, pfx"),
        (
            "{valid_years: 5}",
            "{valid_years: on}",
            "on}",
            "gateways[0].certificate.self_signed.valid_years",
            "reads on as true",
        ),
        (
            "{valid_years: 5}",
            "{valid_years: 0}",
            "0}}",
            "gateways[0].certificate.self_signed.valid_years",
            "write 1 or more",
        ),
        (
            "{valid_years: 5}",
            "{valid_years: 1.5}",
            "1.5",
            "gateways[0].certificate.self_signed.valid_years",
            "whole number",
        ),
        ("{valid_years: 5}", "5", "5}\n", "gateways[0].certificate.self_signed", "a section is expected"),
        (
            "{pfx: certs/a.pfx",
            "{pfx: ../a.pfx",
            "../a.pfx",
            "notification_servers[0].agent_site.certificate.pfx",
            "'..'",
        ),
        (
            'password: "env:PFX"',
            "password: 12",
            "12}}",
            "notification_servers[0].agent_site.certificate.password",
            "no reference",
        ),
        ('version: "8.6 RU2"', "version: 8.6", "8.6\n", "notification_servers[0].version", "put it in quotes"),
        (
            'addresses: ["*"]',
            "addresses: 203.0.113.11",
            "203.0.113.11, port",
            "gateways[0].listen.addresses",
            "a list is expected",
        ),
        ("kind: ns-root", "kind: [ns-root]", "[ns-root]", "authorities.ns1-root.kind", "'ns-root'"),
        ("cemops: 1", "cemops: 2", "2\n", "cemops", "write 1"),
        ("estate: northwind", "estate: no", "no\n", "estate", "reads no as false"),
        ("fqdn: gw1.example", "fqdn: gw1.example.", "gw1.example.", "gateways[0].fqdn", "without the last dot"),
        (
            "servers:\n      - {notification_server: ns1}",
            "servers:\n      - {notification_server: ns9}",
            "ns9",
            "gateways[0].servers[0].notification_server",
            "ns9",
        ),
    ],
)
def test_one_fault_is_one_problem_at_its_place(old: str, new: str, at: str, path: str, says: str) -> None:
    found = only_problem(old, new)
    broken = ESTATE.replace(old, new)
    start = broken.index(new) if new else broken.index(at)
    before = broken[: broken.index(at, start)]
    assert (found.path, found.file) == (path, "estate.yaml")
    assert says in found.message
    assert (found.line, found.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))


def test_a_missing_key_is_reported_at_its_section() -> None:
    found = only_problem("    fqdn: gw1.example\n", "")
    message = "the key fqdn is missing: add it (the name that agents resolve from the Internet)"
    assert (found.path, found.message) == ("gateways[0].fqdn", message)
    assert found.line == place_in(ESTATE, "name: gw1")[0]


@pytest.mark.parametrize(
    ("old", "says"),
    [
        ("cemops: 1\n", "the key cemops is missing: add `cemops: 1`"),
        (
            "    root_authority: ns1-root\n",
            "the key root_authority is missing: add it (the name of an entry of `authorities`",
        ),
        ("transport: ssh, ", "the key transport is missing: add `transport: ssh` or `transport: winrm`"),
        (
            "kind: ns-root, ",
            "the key kind is missing: add `kind: ns-root` or `kind: site-server-root` or `kind: gateway-ca`",
        ),
    ],
)
def test_a_missing_key_says_what_to_write(old: str, says: str) -> None:
    assert only_problem(old, "").message.startswith(says)


def test_a_word_that_is_none_of_the_possible_ones_names_them_all_in_a_sentence() -> None:
    window = "change_windows: [{name: w, days: [Sunday], start: '02:00', duration_minutes: 60}]\n"
    assert [problem.message for problem in problems_of(ESTATE + window)] == [
        "'Sunday' is not possible here: did you mean 'sun'? Possible are 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'"
    ]


@pytest.mark.parametrize("word", ["010", "0x1F", "1_000", "on", "12:30", "1e3", "0" * 101])
def test_quotes_are_no_advice_where_a_number_is_expected(word: str) -> None:
    assert "quotes" not in only_problem("port: 443", f"port: {word}").message
    assert "quotes" in only_problem("estate: northwind", f"estate: {word}").message


def test_a_name_that_no_file_could_have_is_reported_at_the_key() -> None:
    broken = ESTATE.replace("  ns-admin:", "  'ns admin':")
    found = problems_of(broken)
    assert [problem.path for problem in found] == ["credentials['ns admin']"]
    assert (found[0].line, found[0].column) == place_in(broken, "'ns admin'")


def test_everything_that_is_wrong_is_reported_at_once_in_the_order_of_the_file() -> None:
    broken = (
        ESTATE.replace("estate: northwind", "estate: on")
        .replace('"env:NS_PASSWORD"', "hunter2")
        .replace("kind: ns-root", "kind: ns-rot")
        .replace("    fqdn: ns1.corp.example\n", "    fqdn: ns_1.corp.example\n    fqdn: x\n")
        .replace("port: 4726", "port: 0x1F")
        .replace("platform: linux", "platform: linus\n    fipss: true")
        .replace("servers:\n      - {notification_server: ns1}", "servers:\n      - {notification_server: ns7}")
    )
    found = problems_of(broken)
    assert [problem.path for problem in found] == [
        "estate",
        "credentials.ns-admin.password",
        "authorities.ns1-root.kind",
        "notification_servers[0].fqdn",
        "notification_servers[0].fqdn",
        "notification_servers[0].agent_site.port",
        "gateways[0].platform",
        "gateways[0].fipss",
        "gateways[0].servers[0].notification_server",
    ]
    assert all(problem.line and problem.column and problem.file == "estate.yaml" for problem in found)


def test_a_secret_in_place_of_its_reference_is_never_repeated() -> None:
    with pytest.raises(EstateError) as caught:
        load_estate_text(ESTATE.replace('"env:NS_PASSWORD"', "hunter2-canary"), "estate.yaml")
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in f"{error!s}{error!r}{error.args!r}"
        error = error.__cause__
    assert caught.value.__suppress_context__


def test_a_value_glued_to_its_key_is_never_repeated() -> None:
    found = only_problem('password: "env:NS_PASSWORD"', "password:hunter2")
    assert found.path == "credentials.ns-admin['password:…']"
    assert found.message == "unknown key 'password:…': write a space behind the colon"


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "---\n", "null\n", "443\n"])
def test_a_document_that_is_no_section_is_refused(text: str) -> None:
    found = problems_of(text)
    assert [problem.path for problem in found] == [""]
    assert "begin the file with cemops: 1" in found[0].message


def test_broken_yaml_is_the_only_problem() -> None:
    found = problems_of(ESTATE + "\tx: 1\n")
    assert [(problem.line, problem.column) for problem in found] == [(ESTATE.count("\n") + 1, 1)]


PIECES: list[object] = [None, True, 0, -1, 443, 8.6, "", "x", "ns1", "../x", [], [None], ["x"], {}, {"x": {"y": []}}]


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _paths(inner, (*path, key))
    return found


SOUND = parse_document(ESTATE, "estate.yaml")[0].data


@settings(deadline=None)
@given(
    faults=st.lists(
        st.tuples(
            st.sampled_from(_paths(SOUND)), st.sampled_from(["set", "delete", "rename"]), st.sampled_from(PIECES)
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_fault_in_any_place_ends_in_another_error(faults: list[tuple[tuple[Any, ...], str, object]]) -> None:
    data: Any = copy.deepcopy(SOUND)
    for path, action, piece in faults:
        container = data
        for part in path[:-1]:
            try:
                container = container[part]
            except (KeyError, IndexError, TypeError):
                break
        else:
            if action == "set" or not isinstance(container, dict):
                _set(container, path[-1], copy.deepcopy(piece))
            else:
                old = container.pop(path[-1], None)
                if action == "rename":
                    container["x" + str(path[-1])] = old
    for problem in _problems_in(json.dumps(data)):
        assert problem.line >= 1
        assert problem.message.isprintable()
        assert "pydantic" not in problem.message.lower()


def _problems_in(text: str) -> tuple[Problem, ...]:
    try:
        load_estate_text(text, "estate.yaml")
    except EstateError as error:
        return error.problems
    return ()


def _set(container: Any, key: Any, value: object) -> None:
    if isinstance(container, dict) or (isinstance(container, list) and isinstance(key, int) and key < len(container)):
        container[key] = value
