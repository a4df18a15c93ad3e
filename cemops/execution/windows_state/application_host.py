"""IIS as applicationHost.config has it: sites, bindings, applications.

Sections that cemops does not read (encrypted, moved elsewhere with ``configSource``, in a ``location`` of one site)
are passed over. What IIS itself could not load is an error of the whole observation: nobody plans from half a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from cemops.execution.windows_state.errors import WindowsStateError
from cemops.execution.windows_state.reply import Fields
from cemops.model.windows_observed import IisApplication, IisBinding, IisSite

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # types only: parsing is defusedxml's

MAX_CONFIG_CHARACTERS = 16 * 1024 * 1024
KNOWN_SSL_FLAGS = 0x7F
"""SNI 1, central store 2, no HTTP/2 4, no OCSP stapling 8, no QUIC 16, no TLS 1.3 over TCP 32, no legacy TLS 64."""
_MAXIMUM_PORT = 65535
_NETWORK_PROTOCOLS = ("http", "https", "ftp")
"""Protocols whose information is ``ADDRESS:PORT:HOST``; others have a form of their own (net.tcp: ``808:*``)."""
_INFORMATION = re.compile(r"(?P<address>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})(?::(?P<host>[^:]*))?", re.ASCII)
_ANY_IPV4 = ("", "*", "0.0.0.0")  # noqa: S104 - read from a configuration, not bound
_DEFAULT_POOL = "DefaultAppPool"


def sites_of(iis: Fields, unreadable: list[str]) -> tuple[IisSite, ...]:
    """Return the sites of the reply's ``iis``; oddities go to ``unreadable``.

    Raises WindowsStateError where the file is locked, damaged, or keeps its sites elsewhere.
    """
    path = iis.text("path")
    text, error = iis.text_or_none("config"), iis.text_or_none("error")
    if text is None or error is not None:
        raise WindowsStateError(
            f"{path} cannot be read ({error or 'no reason given'}): close the program that holds it, or give the "
            "account that cemops logs on as the right to read it, then observe again; nothing was changed"
        )
    return _Configuration(path, text, unreadable).sites()


class _Configuration:
    """One applicationHost.config."""

    def __init__(self, path: str, text: str, unreadable: list[str]) -> None:
        self._path = path
        self._unreadable = unreadable
        if len(text) > MAX_CONFIG_CHARACTERS:
            self._damaged(f"it has more than {MAX_CONFIG_CHARACTERS} characters")
        try:
            self._root: Element = ElementTree.fromstring(text.removeprefix("\ufeff"), forbid_dtd=True)
        except ElementTree.ParseError as error:
            line, column = error.position
            self._damaged(f"it is no XML from line {line}, column {column + 1} on")
        except (DefusedXmlException, ValueError, RecursionError):
            self._damaged("it holds what no IIS configuration holds (a document type, entities, or broken characters)")

    def sites(self) -> tuple[IisSite, ...]:
        section = self._section()
        defaults = section.find("siteDefaults")
        sites = tuple(self._site(section, defaults, element) for element in section.findall("site"))
        for values, what in (([s.name.casefold() for s in sites], "name"), ([str(s.id) for s in sites], "id")):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                self._damaged(f"two sites have the {what} {twice[0]}")
        return sites

    def _section(self) -> Element:
        if self._root.tag != "configuration":
            self._damaged(f"its root is <{self._root.tag}> instead of <configuration>")
        for group in self._groups():
            section = group.find("sites")
            if section is None:
                continue
            if any(
                element.get("configSource") or element.get("configProtectionProvider") for element in (group, section)
            ):
                raise WindowsStateError(
                    f"{self._path} keeps its sites encrypted or in another file, and cemops cannot see them: move "
                    "the section system.applicationHost/sites back in plain text; nothing was changed"
                )
            return section
        return self._damaged("it has no section system.applicationHost/sites")

    def _groups(self) -> Iterator[Element]:
        """Yield the section group; it may also stand in a ``location`` for the whole server."""
        yield from self._root.findall("system.applicationHost")
        for location in self._root.findall("location"):
            if location.get("path", "") in ("", "."):
                yield from location.findall("system.applicationHost")

    def _site(self, section: Element, defaults: Element | None, element: Element) -> IisSite:
        name = element.get("name", "")
        if not name:
            self._damaged("a site has no name")
        number = element.get("id", "")
        if not re.fullmatch("[0-9]{1,10}", number, re.ASCII):
            self._damaged(f"the site {name} has no id")
        default_start = defaults.get("serverAutoStart") if defaults is not None else None
        bindings = element.find("bindings")
        if bindings is None and defaults is not None:
            bindings = defaults.find("bindings")
        return IisSite(
            name=name,
            id=int(number),
            bindings=tuple(self._binding(name, one) for one in bindings.findall("binding"))
            if bindings is not None
            else (),
            applications=tuple(self._applications(section, element)),
            auto_start=self._flag(name, element.get("serverAutoStart", default_start)),
        )

    def _flag(self, site: str, text: str | None) -> bool:
        """``serverAutoStart``; true where it is not said."""
        if text is None or text.lower() in ("true", "1"):
            return True
        if text.lower() not in ("false", "0"):
            self._damaged(f"serverAutoStart of the site {site} is {text!r}, neither true nor false")
        return False

    def _binding(self, site: str, element: Element) -> IisBinding:
        protocol, information = element.get("protocol", ""), element.get("bindingInformation", "")
        if not protocol:
            self._damaged(f"a binding of the site {site} has no protocol")
        flags = self._ssl_flags(site, information, element.get("sslFlags", "0"))
        if protocol.lower() not in _NETWORK_PROTOCOLS:
            return IisBinding(protocol, information, flags, address="")
        found = _INFORMATION.fullmatch(information)
        if found is None or not 0 < int(found["port"]) <= _MAXIMUM_PORT:
            self._unreadable.append(
                f"the {protocol} binding {information!r} of the site {site} is not ADDRESS:PORT:HOST; correct it in IIS"
            )
            return IisBinding(protocol, information, flags, address="")
        address = "*" if found["address"] in _ANY_IPV4 else found["address"].lower()
        return IisBinding(protocol, information, flags, address, int(found["port"]), (found["host"] or "").lower())

    def _ssl_flags(self, site: str, information: str, text: str) -> int:
        if not re.fullmatch("[0-9]{1,10}", text, re.ASCII):
            self._damaged(f"sslFlags of the binding {information} of the site {site} is {text!r}, which is no number")
        flags = int(text)
        if flags & ~KNOWN_SSL_FLAGS:
            self._unreadable.append(
                f"the binding {information} of the site {site} has sslFlags {flags}, with bits that cemops does not "
                f"know ({flags & ~KNOWN_SSL_FLAGS}): they are kept as they are"
            )
        return flags

    def _applications(self, section: Element, site: Element) -> Iterator[IisApplication]:
        defaults = [element.find("applicationDefaults") for element in (site, section)]
        pools = [element.get("applicationPool") for element in defaults if element is not None]
        default_pool = next((pool for pool in pools if pool), _DEFAULT_POOL)
        for application in site.findall("application"):
            folders = [one for one in application.findall("virtualDirectory") if one.get("path") == "/"]
            yield IisApplication(
                path=application.get("path", ""),
                pool=application.get("applicationPool") or default_pool,
                physical_path=folders[0].get("physicalPath", "") if folders else "",
            )

    def _damaged(self, what: str) -> NoReturn:
        raise WindowsStateError(
            f"{self._path} is damaged: {what}; repair it (IIS keeps older copies in inetpub\\history), then observe "
            "again; nothing was changed"
        )
