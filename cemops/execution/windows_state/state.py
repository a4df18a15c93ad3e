"""The reply to ``state`` as ``ObservedWindows``: everything is checked here, once, before anybody plans from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cemops.execution.windows_state.application_host import sites_of
from cemops.execution.windows_state.clocks import from_milliseconds
from cemops.execution.windows_state.firewall_rules import firewall_rules
from cemops.execution.windows_state.http_sys import TABLES, ssl_entries
from cemops.execution.windows_state.registry import RegistryKey, registry_key
from cemops.execution.windows_state.reply import Fields, damaged, unpacked
from cemops.execution.windows_state.request import FIREWALL_POLICY_RULES, FIREWALL_RULES, OWN_TREES, RegistryTree
from cemops.execution.windows_state.stored_certificates import store_certificates
from cemops.model.host_lock import HostLock
from cemops.model.windows_observed import (
    DeadMan,
    ObservedFileContent,
    ObservedWindows,
    StoredCertificateFound,
    WindowsService,
)

SCHEMA = 1


def parse_state(data: Mapping[str, Any], observer_clock: datetime | None) -> ObservedWindows:
    """Return what a machine holds, from the ``data`` of its reply (packed or not).

    ``observer_clock`` is the operator's clock when the answer came, None for a record. Raises WindowsStateError for a
    reply that is cut, damaged or of another version, and where IIS's configuration is locked or damaged. Single things
    that cannot be read (a rule, a certificate, an http.sys entry) become sentences in ``unreadable`` instead.
    """
    state = Fields(unpacked(data))
    if state.integer("schema") != SCHEMA:
        damaged(f"it has schema {state.integer('schema')}, not {SCHEMA}")
    unreadable: list[str] = []
    trees = _trees(state)
    os, user = state.object("os"), state.object("user")
    iis = state.object_or_none("iis")
    return ObservedWindows(
        clock=from_milliseconds(state.integer("time_ms"), "state.time_ms"),
        computer=os.text("computer"),
        os_caption=os.text("caption"),
        os_version=os.text("version"),
        domain_role=os.integer("domain_role"),
        user=user.text("name"),
        elevated=user.flag("elevated"),
        iis_installed=iis is not None,
        sites=sites_of(iis, unreadable) if iis is not None else (),
        ssl_entries=tuple(entry for kind, path in TABLES for entry in ssl_entries(kind, _own(trees, path), unreadable)),
        stores=_stores(state, unreadable),
        services={name: _service(name, entry) for name, entry in state.entries("services")},
        firewall_rules=(
            *firewall_rules(_own(trees, FIREWALL_RULES), policy=False, unreadable=unreadable),
            *firewall_rules(_own(trees, FIREWALL_POLICY_RULES), policy=True, unreadable=unreadable),
        ),
        registry={
            tree.name: key.plain() if key is not None else None
            for tree, key in trees.items()
            if tree.path not in OWN_TREES
        },
        files={path: _file(entry) for path, entry in state.entries("files")},
        folders={path: _folder(entry) for path, entry in state.entries("folders")},
        accounts={
            name: None if entry is None else (entry.flag("enabled"), entry.flag("locked"))
            for name, entry in state.entries("accounts")
        },
        resolved=_resolved(state),
        dead_men=tuple(
            DeadMan(
                entry.text("token"),
                from_milliseconds(entry.integer("due_ms"), f"{entry.place}.due_ms"),
                entry.flag("fired"),
            )
            for entry in state.objects("dead_men")
        ),
        lock=_lock(state.object_or_none("lock") if "lock" in state else None),
        unreadable=tuple(unreadable),
        observer_clock=observer_clock,
    )


def _trees(state: Fields) -> dict[RegistryTree, RegistryKey | None]:
    found: dict[RegistryTree, RegistryKey | None] = {}
    for entry in state.objects("registry"):
        view, path = entry.text("view"), entry.text("path")
        if view not in ("64", "32"):
            damaged(f"{entry.place}.view is {view!r}")
        tree = entry.object_or_none("tree")
        found[RegistryTree(path, "64" if view == "64" else "32")] = None if tree is None else registry_key(tree)
    return found


def _own(trees: Mapping[RegistryTree, RegistryKey | None], path: str) -> RegistryKey | None:
    """Return one of the trees that are always asked for; None: there is no such key."""
    tree = RegistryTree(path)
    if tree not in trees:
        damaged(f"it says nothing of {path}")
    return trees[tree]


def _stores(state: Fields, unreadable: list[str]) -> dict[str, tuple[StoredCertificateFound, ...] | None]:
    stores = state.object("stores")
    return {
        name: None if stores.value(name) is None else store_certificates(name, stores.objects(name), unreadable)
        for name in stores.names()
    }


def _service(name: str, entry: Fields | None) -> WindowsService | None:
    if entry is None:
        return None
    return WindowsService(
        name=name,
        state=entry.text("state"),
        start=entry.text("start"),
        account=entry.text_or_none("account") or "",
        path=entry.text_or_none("path") or "",
        pid=None if entry.value("pid") is None else entry.integer("pid"),
    )


def _file(entry: Fields | None) -> ObservedFileContent | None:
    if entry is None:
        return None
    return ObservedFileContent(
        sha256=entry.text("sha256").lower(),
        size=entry.integer("size"),
        content=None if entry.value("content") is None else entry.decoded("content"),
    )


def _folder(entry: Fields | None) -> dict[str, ObservedFileContent] | None:
    if entry is None:
        return None
    return {
        name: found
        for name, found in ((name, _file(file)) for name, file in entry.entries("files"))
        if found is not None
    }


def _lock(entry: Fields | None) -> HostLock | None:
    """Read who holds the lock; a record of an earlier version says nothing of it."""
    if entry is None:
        return None
    return HostLock(
        entry.text("token"),
        entry.text("store"),
        entry.text("owner"),
        from_milliseconds(entry.integer("since_ms"), f"{entry.place}.since_ms"),
        from_milliseconds(entry.integer("expires_ms"), f"{entry.place}.expires_ms"),
    )


def _resolved(state: Fields) -> dict[str, tuple[str, ...]]:
    if "names" not in state:
        return {}
    names = state.object("names")
    return {name: names.texts(name) for name in names.names()}
