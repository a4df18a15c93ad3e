"""The certificate table of http.sys, from the registry."""

from __future__ import annotations

import ipaddress
import uuid

from hypothesis import given
from hypothesis import strategies as st

from cemops.execution.windows_state.http_sys import ssl_entries
from cemops.execution.windows_state.registry import RegistryKey, RegistryValue
from cemops.model.windows_observed import SslEntry
from tests.unit.execution.windows_state.windows_cases import observed

IIS_APPLICATION = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
DEFAULTS = {
    "DefaultFlags": 0,
    "DefaultSslCertCheckMode": 0,
    "DefaultSslRevocationFreshnessTime": 0,
    "DefaultSslRevocationUrlRetrievalTimeout": 0,
}


def by_endpoint(name: str) -> dict[str, SslEntry]:
    return {f"{entry.kind} {entry.endpoint}": entry for entry in observed(name).ssl_entries}


def test_entries_by_address_are_read_with_their_settings() -> None:
    machine = observed("notification-server")
    entries = by_endpoint("notification-server")
    sha1 = machine.personal()[0].facts.sha1
    assert entries["ipport 0.0.0.0:443"] == SslEntry("ipport", "0.0.0.0:443", sha1, "MY", IIS_APPLICATION, DEFAULTS)
    agent = entries["ipport 0.0.0.0:4726"]
    assert (agent.store, agent.settings["DefaultFlags"]) == ("MY", 2)


def test_entries_by_host_name_take_the_name_from_their_value_else_from_the_key() -> None:
    entries = by_endpoint("site-server")
    sni = entries["hostnameport ps1.corp.northwind.example:443"]
    assert sni.settings["DefaultSslCtlIdentifier"] == "issuers"
    assert "HostnamePort" not in sni.settings
    assert entries["hostnameport other.example:443"].store == "WebHosting"


def test_ipv6_endpoints_and_ids_have_one_spelling() -> None:
    entries = by_endpoint("site-server")
    assert "ipport [2001:db8::1]:443" in entries
    assert "ipport [::]:4726" in entries
    assert entries["ipport 10.20.0.21:8443"].app_id == IIS_APPLICATION


def test_the_central_store_has_no_certificate_of_its_own() -> None:
    assert by_endpoint("site-server")["ccs 443"] == SslEntry(
        "ccs", "443", "", "MY", IIS_APPLICATION, {"DefaultFlags": 0}
    )


def test_damaged_entries_are_sentences_and_leave_the_others_readable() -> None:
    machine = observed("site-server")
    sentences = [sentence for sentence in machine.unreadable if "http.sys" in sentence]
    assert len(machine.ssl_entries) == 6
    for words in (
        "0.0.0.0:444 (ipport) has no certificate hash, or a damaged one",
        "no-port (ipport) has no port",
        "ps1:445 (ipport) is not named by an IP address",
        "0.0.0.0:446 (ipport) has an AppId that is no GUID",
        "*:443 (ccs) is not named by a port alone",
    ):
        assert [sentence for sentence in sentences if words in sentence and "netsh http show sslcert" in sentence]
    assert len(sentences) == 5


def test_a_missing_table_is_an_empty_one() -> None:
    assert list(ssl_entries("ipport", None, [])) == []


@given(
    address=st.ip_addresses(),
    port=st.integers(1, 65535),
    thumbprint=st.binary(min_size=20, max_size=20),
    application=st.uuids(),
    flags=st.integers(0, 2**32 - 1),
)
def test_an_entry_as_windows_writes_it_is_read_back(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    port: int,
    thumbprint: bytes,
    application: uuid.UUID,
    flags: int,
) -> None:
    endpoint = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    values = {
        "SslCertHash": RegistryValue("Binary", thumbprint),
        "AppId": RegistryValue("Binary", application.bytes_le),
        "SslCertStoreName": RegistryValue("String", "My"),
        "DefaultFlags": RegistryValue("DWord", flags),
    }
    unreadable: list[str] = []
    found = list(ssl_entries("ipport", RegistryKey(keys={endpoint: RegistryKey(values)}), unreadable))
    expected = SslEntry(
        "ipport", endpoint, thumbprint.hex().upper(), "My", f"{{{application}}}", {"DefaultFlags": flags}
    )
    assert (found, unreadable) == ([expected], [])
