"""No value can add a directive to httpd's configuration, or widen an entry of the allow-list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cemops.errors import CemopsError
from cemops.model.values import Fqdn, ListenAddress, Port, PosixPath, ServerName
from tests.unit.rendering.httpd_inputs import INPUTS, Listed, rendered

CORPUS = [
    'a"b', "a'b", "a\nListen 80", "a\r\nListen 80", "%0a", "</VirtualHost>", "$(id)", "`id`", "../..", "a\0b",
    "a\u202eb", "x" * 300, "${PATH}", "a b", "a\\", "#", ".*", "ns1.corp.example$|.*", "\u2028", "(?i)", "münchen.example",
]  # fmt: skip


def outcome(changes: dict[str, Any]) -> list[str] | None:
    """The directives, or None where a value was refused."""
    try:
        return rendered(**changes)
    except CemopsError:
        return None


def names_only(line: str) -> str:
    return re.split(r"[ >]", line, maxsplit=1)[0]


EXPECTED_NAMES = [names_only(line) for line in rendered()]


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.parametrize(
    "field", ["fqdn", "account", "root", "certificate", "key", "release_dir", "log_dir", "modules_dir"]
)
def test_no_text_in_any_field_adds_a_directive(field: str, text: str) -> None:
    value = f"/{text}" if field not in {"fqdn", "account"} else text
    found = outcome({field: value, "group": "g"})
    if found is not None:
        extra = {"User", "Group"} if field == "account" else set()
        assert [name for name in map(names_only, found) if name not in extra] == EXPECTED_NAMES


@pytest.mark.parametrize("text", CORPUS)
def test_no_text_as_a_listed_host_opens_more_than_itself(text: str) -> None:
    found = outcome({"targets": (Listed(text, 1), *INPUTS.targets[1:])})
    if found is not None:
        assert list(map(names_only, found)) == EXPECTED_NAMES
        line = next(line for line in found if line.startswith("<ProxyMatch"))
        pattern = re.compile(line.removeprefix('<ProxyMatch "').removesuffix('">'))
        assert pattern.search(f"{text}:1")
        assert not pattern.search("ns1.corp.example:4726")
        assert not pattern.search("anything:1")


LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABEL, min_size=2, max_size=5).map(".".join)


def accepted(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@given(
    fqdn=NAMES.filter(lambda text: accepted(Fqdn, text)),
    host=(NAMES | LABEL).filter(lambda text: accepted(ServerName, text)),
    port=st.integers(1, 65_535),
    address=st.ip_addresses().map(str).filter(lambda text: accepted(ListenAddress, text)),
)
def test_every_name_address_and_port_of_the_model_renders_to_the_same_lines(
    fqdn: str, host: str, port: int, address: str
) -> None:
    assert TypeAdapter(Port).validate_python(port) == port
    targets = (Listed(host, port), *INPUTS.targets[1:])
    found = rendered(fqdn=fqdn, targets=targets, listen=((address, port),))
    assert list(map(names_only, found)) == EXPECTED_NAMES


SIGNS = st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_categories=["C"], exclude_characters="/")
PATHS = st.lists(st.text(SIGNS, min_size=1, max_size=12), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(PATHS.filter(lambda text: accepted(PosixPath, text)))
def test_every_path_of_the_model_renders_to_the_same_lines_or_is_refused(path: str) -> None:
    found = outcome({"root": path, "release_dir": f"{path}/releases/1", "key": f"{path}/tls/k"})
    if found is None:
        assert "${" in path
    else:
        assert list(map(names_only, found)) == EXPECTED_NAMES
