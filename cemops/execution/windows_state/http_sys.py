"""The certificate table of http.sys, as the registry keeps it: by address, by SNI host name, central store.

A key by address is called ``ADDRESS:PORT``, one of the central store ``PORT``. A key by host name has a name without
meaning and says ``HostnamePort``. ``SslCertHash`` and ``AppId`` are bytes; a missing ``SslCertStoreName`` means ``MY``.
A damaged entry becomes a sentence: http.sys serves its other endpoints all the same.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Iterator

from cemops.execution.windows_state.errors import DamagedEntryError
from cemops.execution.windows_state.registry import RegistryKey, RegistryValue
from cemops.execution.windows_state.request import SSL_BY_ADDRESS, SSL_BY_HOST_NAME, SSL_FROM_CENTRAL_STORE
from cemops.model.windows_observed import SslEntry, SslKind

TABLES: tuple[tuple[SslKind, str], ...] = (
    ("ipport", SSL_BY_ADDRESS),
    ("hostnameport", SSL_BY_HOST_NAME),
    ("ccs", SSL_FROM_CENTRAL_STORE),
)
_OWN_VALUES = {"sslcerthash", "sslcertstorename", "appid", "hostnameport"}
_HASH_SIZES = (20, 32)
"""SHA-1, which http.sys uses; SHA-256 where a newer Windows does."""
_GUID_SIZE = 16
_MAXIMUM_PORT = 65535
_DEFAULT_STORE = "MY"


def ssl_entries(kind: SslKind, table: RegistryKey | None, unreadable: list[str]) -> Iterator[SslEntry]:
    """Yield the entries of one table; a table that is not there is empty. Damaged ones go to ``unreadable``."""
    for name, key in table.keys.items() if table is not None else ():
        try:
            yield _entry(kind, name, key)
        except DamagedEntryError as problem:
            unreadable.append(
                f"the http.sys entry {name} ({kind}) {problem}: look at it with `netsh http show sslcert` and bind "
                "the certificate anew"
            )


def _entry(kind: SslKind, name: str, key: RegistryKey) -> SslEntry:
    store = _text(key, "SslCertStoreName")
    return SslEntry(
        kind=kind,
        endpoint=_endpoint(kind, _text(key, "HostnamePort") or name if kind == "hostnameport" else name),
        thumbprint=_thumbprint(key.value("SslCertHash"), needed=kind != "ccs"),
        store=store or _DEFAULT_STORE,
        app_id=_app_id(key.value("AppId")),
        settings={
            setting: value.data
            for setting, value in sorted(key.values.items())
            if setting.casefold() not in _OWN_VALUES and isinstance(value.data, int | str)
        },
    )


def _endpoint(kind: SslKind, text: str) -> str:
    """Return the endpoint in one spelling: brackets only around IPv6, lower case."""
    host, colon, port = text.strip().rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port, re.ASCII) or not 0 < int(port) <= _MAXIMUM_PORT:
        raise DamagedEntryError("has no port in its name")
    number = str(int(port))
    if kind == "ccs":
        if colon:
            raise DamagedEntryError("is not named by a port alone")
        return number
    if not host:
        raise DamagedEntryError("has no address or host name in its name")
    if kind == "hostnameport":
        return f"{host.lower()}:{number}"
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        raise DamagedEntryError("is not named by an IP address") from None
    return f"[{address}]:{number}" if address.version == 6 else f"{address}:{number}"  # noqa: PLR2004 - IP version


def _thumbprint(value: RegistryValue | None, *, needed: bool) -> str:
    if value is None and not needed:
        return ""
    if value is None or not isinstance(value.data, bytes) or len(value.data) not in _HASH_SIZES:
        raise DamagedEntryError("has no certificate hash, or a damaged one")
    return value.data.hex().upper()


def _app_id(value: RegistryValue | None) -> str:
    """Return the application's id as ``{xxxxxxxx-…}`` in lower case; bytes are a GUID as Windows keeps it."""
    if value is None:
        return ""
    try:
        if isinstance(value.data, bytes) and len(value.data) == _GUID_SIZE:
            return f"{{{uuid.UUID(bytes_le=value.data)}}}"
        if isinstance(value.data, str):
            return f"{{{uuid.UUID(value.data)}}}" if value.data else ""
    except ValueError:
        pass
    raise DamagedEntryError("has an AppId that is no GUID")


def _text(key: RegistryKey, name: str) -> str:
    value = key.value(name)
    if value is None:
        return ""
    if not isinstance(value.data, str):
        raise DamagedEntryError(f"has a {name} that is no text")
    return value.data
