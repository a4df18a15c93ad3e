"""The digest of what matters in an observation: a plan holds while it stays the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from cemops.model.windows_observed import ObservedFileContent, ObservedWindows


def windows_observation_digest(observed: ObservedWindows) -> str:
    """Return ``sha256:…`` over all that planners compare; clocks, process ids and orders move by themselves."""
    parts: dict[str, Any] = {
        "computer": observed.computer,
        "os": [observed.os_version, observed.domain_role],
        "elevated": observed.elevated,
        "iis": observed.iis_installed,
        "sites": [asdict(site) for site in sorted(observed.sites, key=lambda site: site.id)],
        "ssl": sorted((asdict(entry) for entry in observed.ssl_entries), key=_text),
        "stores": {
            name: None
            if found is None
            else sorted(
                [one.facts.sha256, one.has_private_key, None if one.readers is None else sorted(one.readers)]
                for one in found
            )
            for name, found in observed.stores.items()
        },
        "services": {
            name: None if service is None else [service.state, service.start, service.account, service.path]
            for name, service in observed.services.items()
        },
        "firewall": sorted((asdict(rule) for rule in observed.firewall_rules), key=_text),
        "registry": observed.registry,
        "files": {path: _file(file) for path, file in observed.files.items()},
        "folders": {
            path: None if files is None else {name: _file(file) for name, file in files.items()}
            for path, files in observed.folders.items()
        },
        "accounts": observed.accounts,
        "resolved": {name: sorted(addresses) for name, addresses in observed.resolved.items()},
        "dead_men": sorted([one.token, one.fired] for one in observed.dead_men),
        "presented": observed.presented.sha256 if observed.presented else None,
        "unreadable": sorted(observed.unreadable),
    }
    return "sha256:" + hashlib.sha256(_text(parts).encode()).hexdigest()


def _file(file: ObservedFileContent | None) -> str | None:
    return None if file is None else file.sha256


def _text(parts: object) -> str:
    return json.dumps(parts, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    """Bytes of the registry; mappings that are no dict."""
    return value.hex() if isinstance(value, bytes) else dict(value)  # type: ignore[call-overload]  # a Mapping
