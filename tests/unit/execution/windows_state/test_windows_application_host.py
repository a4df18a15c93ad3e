"""IIS as applicationHost.config has it; what IIS itself could not load is an error that says so."""

from __future__ import annotations

from typing import Any

import pytest

from cemops.execution.windows_state.errors import WindowsStateError
from cemops.execution.windows_state.state import parse_state
from cemops.model.windows_observed import IisApplication, IisBinding, IisSite, ObservedWindows
from tests.unit.execution.windows_state.windows_cases import observed, state_data


def with_config(text: str | None, error: str | None = None) -> ObservedWindows:
    data: dict[str, Any] = state_data("notification-server")
    data["iis"] |= {"config": text, "error": error}
    return parse_state(data, None)


def with_sites(xml: str) -> ObservedWindows:
    return with_config(
        f"<configuration><system.applicationHost><sites>{xml}</sites></system.applicationHost></configuration>"
    )


def site(name: str) -> IisSite:
    sites = {**{s.name: s for s in observed("site-server").sites}, "ns": observed("notification-server").sites[0]}
    return sites[name]


def test_sites_of_a_notification_server_are_read() -> None:
    console, agent = observed("notification-server").sites
    assert (console.name, console.id, console.auto_start) == ("Default Web Site", 1, True)
    assert console.bindings == (
        IisBinding("http", "*:80:", 0, "*", 80),
        IisBinding("https", "*:443:", 0, "*", 443),
        IisBinding("net.tcp", "808:*", 0, "", None),
        IisBinding("net.pipe", "*", 0, "", None),
    )
    assert console.applications == (
        IisApplication("/", "DefaultAppPool", "%SystemDrive%\\inetpub\\wwwroot"),
        IisApplication("/Altiris", "Classic .NET AppPool", "C:\\Program Files\\Altiris\\Web"),
    )
    assert agent.bindings == (IisBinding("https", "0.0.0.0:4726:", 0, "*", 4726),)
    assert not agent.auto_start, "siteDefaults says so"


def test_host_names_ipv6_and_ssl_flags_are_read() -> None:
    http, sni, ipv6, central, odd, ftp = site("Default Web Site").bindings
    assert (http.address, http.port, http.host) == ("*", 80, "")
    assert (sni.host, sni.by_host_name, sni.from_central_store) == ("ps1.corp.northwind.example", True, False)
    assert (ipv6.address, ipv6.port, ipv6.ssl_flags, ipv6.by_host_name) == ("[::]", 4726, 384, False)
    assert (central.address, central.by_host_name, central.from_central_store) == ("10.20.0.21", True, True)
    assert (odd.information, odd.port) == ("ps1:https", None)
    assert (ftp.protocol, ftp.port) == ("ftp", 21)


def test_a_site_without_bindings_has_those_of_the_defaults() -> None:
    inherits = site("Inherits")
    assert [(b.information, b.host) for b in inherits.bindings] == [("*:8080:inherits.example", "inherits.example")]
    assert inherits.applications == (IisApplication("/", "Shared", ""),)
    assert inherits.auto_start


def test_unknown_flag_bits_and_odd_bindings_are_said() -> None:
    sentences = observed("site-server").unreadable
    assert any("sslFlags 384" in s and "(384)" in s and "[::]:4726:" in s for s in sentences)
    assert any("'ps1:https'" in s and "ADDRESS:PORT:HOST" in s for s in sentences)


@pytest.mark.parametrize("flags", [4, 8, 16, 32, 64, 127])
def test_flags_that_windows_documents_are_no_oddity(flags: int) -> None:
    machine = with_sites(
        f'<site name="a" id="1"><bindings><binding protocol="https" bindingInformation="*:443:" sslFlags="{flags}"/>'
        "</bindings></site>"
    )
    assert machine.sites[0].bindings[0].ssl_flags == flags
    assert not any("sslFlags" in sentence for sentence in machine.unreadable)


def test_a_machine_without_iis_is_no_error() -> None:
    gateway = observed("gateway-without-iis")
    assert (gateway.iis_installed, gateway.sites) == (False, ())


def test_a_server_without_sites_has_none() -> None:
    machine = with_sites("")
    assert (machine.iis_installed, machine.sites) == (True, ())


def test_a_locked_configuration_is_named_with_its_reason() -> None:
    with pytest.raises(WindowsStateError) as error:
        with_config(None, "The process cannot access the file because it is being used by another process.")
    assert "applicationHost.config cannot be read (The process cannot access" in error.value.message
    assert "nothing was changed" in error.value.message


BINDING = '<site name="a" id="1"><bindings><binding protocol="https" bindingInformation="*:443:" {}/></bindings></site>'
DAMAGED: dict[str, tuple[str, str]] = {
    "cut": ("<configuration><system.applicationHost><sites>", "no XML from line 1, column 47"),
    "empty": ("", "no XML"),
    "another root": ("<config/>", "root is <config>"),
    "no sites": ("<configuration/>", "no section system.applicationHost/sites"),
    "a document type": ('<!DOCTYPE c [<!ENTITY a "b">]><configuration/>', "document type"),
    "an outer entity": ('<!DOCTYPE c SYSTEM "file:///etc/passwd"><configuration/>', "document type"),
    "a NUL": ("<configuration>\x00</configuration>", "no XML"),
    "half a surrogate": ("<configuration a='\ud800'/>", "broken characters"),
}


@pytest.mark.parametrize(("text", "words"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_configuration_is_a_clear_error(text: str, words: str) -> None:
    with pytest.raises(WindowsStateError, match=words) as error:
        with_config(text)
    assert "applicationHost.config is damaged" in error.value.message
    assert "nothing was changed" in error.value.message


ILL: dict[str, tuple[str, str]] = {
    "no name": ('<site id="1"/>', "a site has no name"),
    "no id": ('<site name="a"/>', "the site a has no id"),
    "name twice": ('<site name="a" id="1"/><site name="A" id="2"/>', "two sites have the name a"),
    "id twice": ('<site name="a" id="1"/><site name="b" id="1"/>', "two sites have the id 1"),
    "start neither": ('<site name="a" id="1" serverAutoStart="yes"/>', "serverAutoStart of the site a is 'yes'"),
    "flags no number": (BINDING.format('sslFlags="Ssl"'), "sslFlags of the binding .* is 'Ssl'"),
    "no protocol": ('<site name="a" id="1"><bindings><binding/></bindings></site>', "has no protocol"),
}


@pytest.mark.parametrize(("xml", "words"), ILL.values(), ids=ILL)
def test_what_iis_could_not_load_is_an_error(xml: str, words: str) -> None:
    with pytest.raises(WindowsStateError, match=words):
        with_sites(xml)


@pytest.mark.parametrize("attribute", ['configSource="sites.config"', 'configProtectionProvider="AesProvider"'])
def test_sites_that_cannot_be_seen_are_never_taken_for_none(attribute: str) -> None:
    with pytest.raises(WindowsStateError, match="encrypted or in another file"):
        with_config(
            f"<configuration><system.applicationHost><sites {attribute}/></system.applicationHost></configuration>"
        )


def test_a_huge_configuration_is_refused() -> None:
    with pytest.raises(WindowsStateError, match="more than 16777216 characters"):
        with_config(" " * (16 * 1024 * 1024 + 1))
