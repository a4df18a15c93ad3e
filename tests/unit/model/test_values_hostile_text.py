"""No textual value lets through what could break out of a template, a shell word, a unit file or a pattern."""

from __future__ import annotations

import re
import shlex
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cemops.model import values

HOSTILE = (
    '"',
    "'",
    "a'b",
    'a"b',
    "gw1\nProxyRequests On",
    "\n ProxyRequests",
    "gw1\r\nProxyRequests On",
    "50%",
    "%h",
    "%{HTTP_HOST}",
    "%{HTTP_HOST}e",
    "</VirtualHost>",
    "gw1</VirtualHost><VirtualHost *:80>",
    "$(id)",
    "${PATH}",
    "$HOME",
    "`id`",
    "a;id",
    "a|id",
    "a&&id",
    "a>b",
    "..",
    "../../etc/passwd",
    "/etc/../etc/passwd",
    "/etc/cemops/..",
    "C:\\x\\..\\y",
    "a\x00b",
    "/etc/a\x00b",
    "gw1.corp.example\u200e",
    "\u202egw1.corp.example",
    "gw\u200b1.corp.example",
    "\u2066x\u2069",
    "a\u00a0b",
    "a\u2028b",
    "a" * 300,
    "a" * 300 + ".example",
    "/" + "a" * 300,
    "münchen.example",
    "пример.example",
    "gw1.corp.example.",
    ".*",
    "^gw1$",
    "(gw1|gw2)",
    "gw[12]",
    "gw1.*",
    "a+b?",
    "{{ 7*7 }}",
    "{% raw %}",
    "#comment",
    "-rf",
    "--help",
    "~root/x",
    "a\tb",
    "a\x1b[31mb",
    "a\x7fb",
    "\ud800",
    " padded ",
    "",
    " ",
    "CON",
    "C:\\NUL",
    "C:\\a:b",
    "http://gw1.corp.example/",
    "gw1.corp.example:443",
    "gw_1.corp.example",
    "\\\\server\\share",
    "file:/etc/x\n",
    "env:A B",
    "keyring:a",
)

# Values that reach httpd's files, shells, unit files and patterns: nothing there may be more than a plain character.
RENDERED: dict[str, Any] = {
    "Fqdn": values.Fqdn,
    "ServerName": values.ServerName,
    "IpAddress": values.IpAddress,
    "IpNetwork": values.IpNetwork,
    "HostAddress": values.HostAddress,
    "Thumbprint": values.Thumbprint,
    "HostKeyFingerprint": values.HostKeyFingerprint,
    "ObjectName": values.ObjectName,
    "PosixPath": values.PosixPath,
    "CommonName": values.CommonName,
    "TlsVersion": values.TlsVersion,
    "ItmsVersion": values.ItmsVersion,
    "ClockTime": values.ClockTime,
    "TimeZoneName": values.TimeZoneName,
}
# Windows names hold backslashes, and patterns of computers hold wildcards: they never go into httpd's files.
WINDOWS_AND_PATTERNS: dict[str, Any] = {
    "AccountName": values.AccountName,
    "UserName": values.UserName,
    "WindowsPath": values.WindowsPath,
    "RemoteRoot": values.RemoteRoot,
    "SiteName": values.SiteName,
    "ComputerPattern": values.ComputerPattern,
    "EstatePath": values.EstatePath,
}
SHOWN: dict[str, Any] = {"DisplayName": values.DisplayName, "SecretReference": values.SecretReference}
EVERY_TEXT = {**RENDERED, **WINDOWS_AND_PATTERNS, **SHOWN}
PARTS = (
    "gw1.corp.example",
    "/etc/cemops",
    "C:\\cemops",
    "CORP\\svc",
    "env:NAME",
    "10.20.0.0/16",
    "2001:db8::1",
    "Europe/Tallinn",
    "5A" * 20,
    "SHA256:" + "A" * 43,
)
HOSTILE_TEXT = st.one_of(
    st.text(max_size=80),
    st.builds(
        lambda part, position, poison: part[:position] + poison + part[position:],
        st.sampled_from(PARTS),
        st.integers(0, 20),
        st.sampled_from(HOSTILE) | st.characters(),
    ),
)


def accepted(value_type: Any, text: object) -> Any:
    """Return what the type stores, None where it refuses; every refusal must be a sentence of ours."""
    try:
        return TypeAdapter(value_type).validate_python(text)
    except ValidationError as error:
        for detail in error.errors():
            assert detail["type"] == "value_error", detail["type"]
            message = str(detail["ctx"]["error"])
            assert message
            assert message.isprintable(), "a message never carries what it warns of"
            assert len(message) < 400
        return None


def assert_visible(stored: str) -> None:
    for character in stored:
        category = unicodedata.category(character)
        assert category[0] != "C", f"U+{ord(character):04X}"
        assert category not in ("Zl", "Zp")
    assert stored == stored.strip()
    assert 0 < len(stored) <= 1024


def assert_harmless_where_quoted(stored: str) -> None:
    assert_visible(stored)
    assert not set(stored) & set("\"'$`%<>\r\n\t"), stored
    assert ".." not in stored.replace("\\", "/").split("/"), stored


def assert_harmless_in_httpd(stored: str) -> None:
    assert_harmless_where_quoted(stored)
    assert not set(stored) & set("\\{}[]*?|;!#^~"), stored
    assert not stored.startswith("-")
    assert shlex.split(f"'{stored}'") == [stored]
    assert re.fullmatch(re.escape(stored), stored)


def judge(name: str, stored: str) -> None:
    if name in RENDERED:
        assert_harmless_in_httpd(stored)
    elif name == "ComputerPattern":
        assert re.fullmatch(r"[A-Za-z0-9*?._-]+", stored)
    elif name in WINDOWS_AND_PATTERNS:
        assert_harmless_where_quoted(stored)
        assert not stored.endswith("\\")
    else:
        assert_visible(stored)


@pytest.mark.parametrize("name", EVERY_TEXT)
def test_what_is_accepted_of_hostile_strings_is_harmless(name: str) -> None:
    for text in HOSTILE:
        stored = accepted(EVERY_TEXT[name], text)
        if stored is not None:
            judge(name, stored)


@pytest.mark.parametrize("name", RENDERED)
@pytest.mark.parametrize(
    "text",
    [
        "\n ProxyRequests",
        "</VirtualHost>",
        "$(id)",
        "`id`",
        "%{HTTP_HOST}",
        "a\x00b",
        '"',
        "'",
        "../x",
        "a" * 300,
    ],
)
def test_what_could_break_out_is_refused_by_every_rendered_value(name: str, text: str) -> None:
    assert accepted(RENDERED[name], text) is None


@given(name=st.sampled_from(sorted(EVERY_TEXT)), text=HOSTILE_TEXT)
@example(name="PosixPath", text="/etc/ cemops")
@example(name="CommonName", text="a\u0301")
def test_whatever_is_accepted_is_harmless(name: str, text: str) -> None:
    stored = accepted(EVERY_TEXT[name], text)
    if stored is not None:
        judge(name, stored)


@given(name=st.sampled_from(sorted(EVERY_TEXT)), text=HOSTILE_TEXT)
def test_a_stored_value_is_stored_the_same_again(name: str, text: str) -> None:
    stored = accepted(EVERY_TEXT[name], text)
    if stored is not None:
        assert accepted(EVERY_TEXT[name], stored) == stored


@pytest.mark.parametrize("name", EVERY_TEXT)
@pytest.mark.parametrize("value", [True, False, 0, 8, 8.6, None, [], {}, b"gw1", [["gw1"]]])
def test_what_is_not_text_is_refused(name: str, value: object) -> None:
    assert accepted(EVERY_TEXT[name], value) is None


@pytest.mark.parametrize("text", HOSTILE)
def test_a_gateway_listens_on_no_hostile_string(text: str) -> None:
    assert accepted(values.ListenAddress, text) is None


@given(secret=st.text(min_size=4, max_size=60))
@example(secret="env:not a name")
@example(secret="file:../x")
@example(secret="hunter2 hunter2")
def test_a_refused_secret_reference_is_never_repeated(secret: str) -> None:
    try:
        stored = TypeAdapter(values.SecretReference).validate_python(secret)
    except ValidationError as error:
        sentence = str(error.errors()[0]["ctx"]["error"])
        assert sentence == _refusal("x y"), "the sentence does not depend on the value"
    else:
        assert stored.startswith(("env:", "file:", "keyring:"))


def _refusal(value: str) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(values.SecretReference).validate_python(value)
    return str(caught.value.errors()[0]["ctx"]["error"])
