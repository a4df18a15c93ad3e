"""A broken estate is checked to its end, and nothing is reported that only follows from another fault."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from cemops.errors import EstateError, Problem
from cemops.model.document import format_path, load_estate_text

SOUND: dict[str, Any] = {
    "cemops": 1,
    "estate": "northwind",
    "credentials": {
        "ns-admin": {"username": "CORP\\svc", "password": "env:NS_PASSWORD"},
        "gw-root": {"username": "root", "private_key_file": "~/.ssh/id_ed25519"},
    },
    "authorities": {
        "ns1-root": {"kind": "ns-root", "source": "external", "certificate": "certs/ns1-root.cer"},
    },
    "resource_targets": [{"name": "All laptops", "members": ["lap-*"]}],
    "notification_servers": [
        {
            "name": "ns1",
            "fqdn": "ns1.corp.example",
            "version": "8.6 RU2",
            "root_authority": "ns1-root",
            "connection": {"transport": "winrm", "address": "10.20.0.10", "credential": "ns-admin"},
            "agent_site": {"name": "Symantec Agent Site", "port": 4726, "certificate": {"pfx": "certs/a.pfx"}},
        }
    ],
    "gateways": [
        {
            "name": "gw1",
            "fqdn": "gw1.example",
            "platform": "linux",
            "layout": "httpd",
            "connection": {"transport": "ssh", "address": "203.0.113.11", "credential": "gw-root"},
            "root": "/etc/cemops-gateway",
            "listen": {"addresses": ["*"], "port": 443},
            "servers": [{"notification_server": "ns1"}],
            "certificate": {"self_signed": {"valid_years": 5}},
            "service": {"manager": "direct", "account": "cemgw"},
        }
    ],
    "policies": [
        {
            "name": "CEM",
            "notification_server": "ns1",
            "enabled": True,
            "gateways": ["gw1"],
            "resource_targets": ["All laptops"],
        }
    ],
}
Path = tuple[Any, ...]


def every_path(value: Any, path: Path = ()) -> list[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, key) for key, _ in items] + [
        found for key, inner in items for found in every_path(inner, (*path, key))
    ]


def problems_with(*faults: tuple[Path, object]) -> tuple[Problem, ...]:
    data = copy.deepcopy(SOUND)
    for path, value in faults:
        container: Any = data
        for part in path[:-1]:
            container = container[part]
        container[path[-1]] = value
    with pytest.raises(EstateError) as caught:
        load_estate_text(json.dumps(data), "estate.yaml")
    return caught.value.problems


@pytest.mark.parametrize("path", every_path(SOUND), ids=format_path)
@pytest.mark.parametrize("value", [-3, "\u202ebad"], ids=["number", "text"])
def test_one_fault_makes_no_problem_elsewhere(path: Path, value: object) -> None:
    for problem in problems_with((path, value)):
        assert problem.path.startswith(format_path(path))


@pytest.mark.parametrize(
    "path", [path for path in every_path(SOUND) if isinstance(path[-1], str) and len(path) != 2], ids=format_path
)
def test_a_misspelt_key_makes_no_problem_elsewhere(path: Path) -> None:
    data = copy.deepcopy(SOUND)
    container: Any = data
    for part in path[:-1]:
        container = container[part]
    container[f"{path[-1]}x"] = container.pop(path[-1])
    with pytest.raises(EstateError) as caught:
        load_estate_text(json.dumps(data), "estate.yaml")
    unknown = [problem for problem in caught.value.problems if "unknown key" in problem.message]
    assert [problem.path for problem in unknown] == [format_path((*path[:-1], f"{path[-1]}x"))]
    assert f"did you mean '{path[-1]}'?" in unknown[0].message
    for problem in caught.value.problems:
        assert problem in unknown or problem.path == format_path(path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("estate",), "no name!"),
        (("credentials", "gw-root", "username"), "a'b"),
        (("notification_servers", 0, "fqdn"), "ns_1.example"),
        (("notification_servers", 0, "agent_site", "port"), True),
        (("gateways", 0, "platform"), "linus"),
        (("gateways", 0, "connection", "transport"), "shh"),
        (("gateways", 0, "listen", "port"), "443"),
        (("gateways", 0, "root"), "/etc/../x"),
        (("gateways", 0, "certificate"), {"self_singed": {}}),
        (("gateways", 0, "fipss"), True),
        (("policies", 0, "enabled"), "yes"),
    ],
)
def test_an_unknown_name_is_reported_beside_another_fault(path: Path, value: object) -> None:
    found = problems_with((path, value), (("policies", 0, "gateways", 0), "gw9"))
    assert [problem.path for problem in found if problem.kind == "reference"] == ["policies[0].gateways[0]"]
    assert len(found) == 2


@pytest.mark.parametrize("path", [("gateways", 0, "name"), ("gateways", 0), ("gateways",), ("notification_servers",)])
def test_names_are_not_called_unknown_where_their_declaration_is_broken(path: Path) -> None:
    found = problems_with((path, "\u202e"))
    assert [problem.path for problem in found] == [format_path(path)]


def test_the_sound_estate_is_sound() -> None:
    assert load_estate_text(json.dumps(SOUND), "estate.yaml").estate.estate == "northwind"
