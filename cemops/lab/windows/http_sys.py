"""The certificate tables of http.sys, kept where Windows keeps them: in the registry.

One key for each endpoint below ``SslBindingInfo`` (address and port), ``SslSniBindingInfo`` (host name and port) or
``SslCcsBindingInfo`` (port, central store). What ``netsh http show sslcert`` tells is read from the same place.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from cemops.lab.windows.registry_model import Registry

PARAMETERS = r"HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
TABLES = {"ipport": "SslBindingInfo", "hostnameport": "SslSniBindingInfo", "ccs": "SslCcsBindingInfo"}
IIS_APP_ID = "{4dc3e181-e14b-4a21-b022-59fc669b0914}"
"""The application that IIS sets its certificates as."""
DEFAULT_SETTINGS: dict[str, int | str] = {
    "DefaultFlags": 0,
    "DefaultSslCertCheckMode": 0,
    "DefaultSslRevocationFreshnessTime": 0,
    "DefaultSslRevocationUrlRetrievalTimeout": 0,
}
"""What netsh leaves where nothing else is asked for."""

_HASH, _APP_ID, _STORE = "SslCertHash", "AppId", "SslCertStoreName"


@dataclass(frozen=True)
class SslCert:
    """One entry. ``settings``: further values of its key, numbers or texts by name."""

    kind: str
    endpoint: str
    thumbprint: str
    store: str = "MY"
    appid: str = IIS_APP_ID
    settings: dict[str, int | str] = field(default_factory=lambda: dict(DEFAULT_SETTINGS))

    def is_at(self, kind: str, endpoint: str) -> bool:
        """Tell whether this entry is the one named."""
        return self.kind == kind and self.endpoint.lower() == endpoint.lower()


def _entry(kind: str, endpoint: str, values: dict[str, dict[str, Any]]) -> SslCert:
    def text(name: str) -> str:
        return str(values[name]["data"]) if name in values else ""

    try:
        thumbprint = base64.b64decode(text(_HASH), validate=True).hex().upper()
    except binascii.Error:
        thumbprint = ""
    settings = {name: one["data"] for name, one in values.items() if name not in {_HASH, _APP_ID, _STORE}}
    return SslCert(kind, endpoint, thumbprint, text(_STORE), text(_APP_ID), settings)


def ssl_certs(registry: Registry) -> tuple[SslCert, ...]:
    """Return every entry of the three tables."""
    found = []
    for kind, table in TABLES.items():
        key = registry.key(f"{PARAMETERS}\\{table}")
        for endpoint, below in (key.keys if key is not None else {}).items():
            found.append(_entry(kind, endpoint, below.values))
    return tuple(found)


def set_ssl_cert(registry: Registry, entry: SslCert) -> None:
    """Write an entry, whatever was at its endpoint."""
    remove_ssl_cert(registry, entry.kind, entry.endpoint)
    key = registry.make_key(f"{PARAMETERS}\\{TABLES[entry.kind]}\\{entry.endpoint}")
    if entry.thumbprint:
        key.set_value(_HASH, "Binary", base64.b64encode(bytes.fromhex(entry.thumbprint)).decode("ascii"))
    key.set_value(_APP_ID, "String", entry.appid)
    key.set_value(_STORE, "String", entry.store)
    for name, value in entry.settings.items():
        key.set_value(name, "DWord" if isinstance(value, int) else "String", value)


def remove_ssl_cert(registry: Registry, kind: str, endpoint: str) -> None:
    """Remove an entry where it is there."""
    table = registry.key(f"{PARAMETERS}\\{TABLES[kind]}")
    if table is not None:
        table.remove_child(endpoint)
