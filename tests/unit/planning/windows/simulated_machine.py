"""A Windows machine in memory that does what the payload's actions say (docs/windows-payload.md), or refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import IisBinding, IisSite, ObservedWindows, SslEntry, StoredCertificateFound
from cemops.planning.windows.plan import PayloadAction


class RefusedError(Exception):
    """The payload would fail here."""


@dataclass
class SimulatedMachine:
    """State and the certificates that may be imported, by thumbprint."""

    observed: ObservedWindows
    importable: Mapping[str, CertificateFacts]

    def apply(self, actions: Iterable[PayloadAction]) -> ObservedWindows:
        for action in actions:
            done: Callable[..., None] = getattr(self, "_" + action.op.replace(".", "_"))
            done(**action.fields)
        return self.observed

    def _certificate_import_pfx(self, store: str, thumbprint: str) -> None:
        others = tuple(one for one in self.observed.stores[store] or () if one.facts.sha1 != thumbprint)
        self._store(store, (*others, StoredCertificateFound(self.importable[thumbprint], has_private_key=True)))

    def _certificate_add(self, store: str, thumbprint: str, der: str) -> None:
        assert der
        self._store(
            store,
            (
                *(self.observed.stores[store] or ()),
                StoredCertificateFound(self.importable[thumbprint], has_private_key=False),
            ),
        )

    def _store(self, name: str, content: tuple[StoredCertificateFound, ...]) -> None:
        self.observed = replace(self.observed, stores={**self.observed.stores, name: content})

    def _folder_ensure(self, path: str, private: bool) -> None:
        assert path
        assert not private

    def _iis_site_start(self, site: str) -> None:
        self._site(site)

    def _iis_site_add(self, site: str, path: str, protocol: str, information: str, ssl_flags: int) -> None:
        assert path
        new = self._new(protocol, information, ssl_flags)
        self._free(site, new)
        self.observed = replace(self.observed, sites=(*self.observed.sites, IisSite(site, 99, (new,))))

    def _iis_binding_add(self, site: str, protocol: str, information: str, ssl_flags: int) -> None:
        found, new = self._site(site), self._new(protocol, information, ssl_flags)
        self._free(site, new)
        if any(self._same(one, new) for one in found.bindings):
            raise RefusedError(f"{site} has {information} already: a plan must not add it again")
        self._put(replace(found, bindings=(*found.bindings, new)))

    def _iis_binding_remove(self, site: str, protocol: str, information: str) -> None:
        found, gone = self._site(site), self._new(protocol, information, 0)
        left = tuple(one for one in found.bindings if not self._same(one, gone))
        if len(left) != len(found.bindings) - 1:
            raise RefusedError(f"{site} has {information} not exactly once")
        self._put(replace(found, bindings=left))

    def _sslcert_set(self, kind: str, endpoint: str, thumbprint: str, store: str, appid: str) -> None:
        assert store.upper() == "MY"
        if not any(one.has_private_key and one.facts.sha1 == thumbprint for one in self.observed.personal()):
            raise RefusedError(f"{thumbprint} is not in My with its key")
        old = self._entry(kind, endpoint)
        new = SslEntry(kind, endpoint, thumbprint, store, appid)  # type: ignore[arg-type] # checked by the planner's tests
        if old is not None:
            assert appid == old.app_id or not old.app_id
            new = replace(old, thumbprint=thumbprint, store=store, app_id=appid)
        entries = [one for one in self.observed.ssl_entries if one is not old]
        self.observed = replace(self.observed, ssl_entries=(*entries, new))

    def _sslcert_remove(self, kind: str, endpoint: str, thumbprint: str) -> None:
        old = self._entry(kind, endpoint)
        if old is None or old.thumbprint != thumbprint:
            raise RefusedError(f"{endpoint} does not hold {thumbprint}")
        self.observed = replace(
            self.observed, ssl_entries=tuple(one for one in self.observed.ssl_entries if one is not old)
        )

    def _account_set(self, account: str, unlock: bool) -> None:
        enabled, locked = self.observed.accounts.get(account) or (True, False)
        self.observed = replace(
            self.observed, accounts={**self.observed.accounts, account: (enabled, locked and not unlock)}
        )

    def _entry(self, kind: str, endpoint: str) -> SslEntry | None:
        return next((one for one in self.observed.ssl_entries if (one.kind, one.endpoint) == (kind, endpoint)), None)

    def _site(self, name: str) -> IisSite:
        found = next((one for one in self.observed.sites if one.name == name), None)
        if found is None:
            raise RefusedError(f"there is no site {name}")
        return found

    def _put(self, site: IisSite) -> None:
        sites = tuple(site if one.name == site.name else one for one in self.observed.sites)
        self.observed = replace(self.observed, sites=sites)

    def _free(self, site: str, new: IisBinding) -> None:
        for other in self.observed.sites:
            if other.name != site and any(self._same(one, new) for one in other.bindings):
                raise RefusedError(f"{other.name} has {new.information}")

    @staticmethod
    def _new(protocol: str, information: str, flags: int) -> IisBinding:
        address, port, host = information.rsplit(":", 2)
        return IisBinding(protocol, information, flags, address, int(port), host)

    @staticmethod
    def _same(one: IisBinding, other: IisBinding) -> bool:
        return (one.protocol, one.information) == (other.protocol, other.information)


def known(*facts: CertificateFacts, **more: Any) -> dict[str, CertificateFacts]:
    """Certificates by thumbprint."""
    assert not more
    return {one.sha1: one for one in facts}
