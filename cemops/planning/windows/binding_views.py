"""Payload actions for bindings and entries, and the three-way view of a plan: IIS, http.sys, desired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import SslEntry
from cemops.planning.changes import KNOWN_AFTER_APPLY
from cemops.planning.windows.endpoints import IIS_APP_ID, Endpoint, SiteBinding
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.plan import PayloadAction

NO_BINDING = "no binding"
NO_CERTIFICATE = "no certificate"


@dataclass(frozen=True)
class ToBind:
    """The certificate that an endpoint is to have. ``thumbprint`` None: known after apply."""

    thumbprint: str | None
    facts: CertificateFacts | None = None
    store: str = "My"
    app_id: str = IIS_APP_ID

    @property
    def shown(self) -> str:
        """Its thumbprint for people."""
        return self.thumbprint or KNOWN_AFTER_APPLY

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """Every spelling of its thumbprint; none where it is known after apply."""
        own = () if self.thumbprint is None else (self.thumbprint,)
        return own if self.facts is None else (*own, self.facts.sha1, self.facts.sha256)


def of_facts(facts: CertificateFacts) -> ToBind:
    """Bind a certificate of the computer's store My."""
    return ToBind(facts.sha1, facts)


def of_entry(machine: Machine, entry: SslEntry) -> ToBind:
    """Bind what an entry of http.sys names."""
    return ToBind(entry.thumbprint, machine.certificate_of(entry), entry.store, entry.app_id or IIS_APP_ID)


def view(binding: SiteBinding | None, endpoint: Endpoint | None, bound: ToBind | None) -> dict[str, Any]:
    """Show both layers of a binding."""
    if bound is None or endpoint is None:
        http_sys = NO_CERTIFICATE
    else:
        facts = bound.facts
        until = "" if facts is None else f" ({facts.subject}, until {facts.not_after:%Y-%m-%d})"
        http_sys = f"{endpoint}: {bound.shown}{until}"
    return {"iis": NO_BINDING if binding is None else str(binding), "http_sys": http_sys}


def set_certificate(endpoint: Endpoint, bound: ToBind, change: str, existing: SslEntry | None = None) -> PayloadAction:
    """Give an endpoint a certificate; an entry that is there keeps its own application id and settings."""
    app_id = existing.app_id if existing is not None and existing.app_id else bound.app_id
    fields = {
        "kind": endpoint.kind,
        "endpoint": endpoint.name,
        "thumbprint": bound.thumbprint,
        "store": bound.store,
        "appid": app_id,
    }
    return PayloadAction("sslcert.set", fields, change)


def set_back(entry: SslEntry, change: str) -> PayloadAction:
    """Put an entry back as it was."""
    fields = {
        "kind": entry.kind,
        "endpoint": entry.endpoint,
        "thumbprint": entry.thumbprint,
        "store": entry.store,
        "appid": entry.app_id or IIS_APP_ID,
    }
    return PayloadAction("sslcert.set", fields, change)


def remove_certificate(endpoint: Endpoint, thumbprint: str | None, change: str) -> PayloadAction:
    """Take an endpoint's entry away; the payload refuses where it names another certificate by then."""
    fields = {"kind": endpoint.kind, "endpoint": endpoint.name, "thumbprint": thumbprint}
    return PayloadAction("sslcert.remove", fields, change)


def add_binding(binding: SiteBinding, change: str) -> PayloadAction:
    """Add a binding to its site."""
    return PayloadAction("iis.binding_add", {**_identity(binding), "ssl_flags": binding.binding.ssl_flags}, change)


def remove_binding(binding: SiteBinding, change: str) -> PayloadAction:
    """Remove a binding from its site."""
    return PayloadAction("iis.binding_remove", _identity(binding), change)


def _identity(binding: SiteBinding) -> Mapping[str, Any]:
    return {
        "site": binding.site,
        "protocol": binding.binding.protocol,
        "information": binding.binding.information,
    }
