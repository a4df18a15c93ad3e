"""``machine.json``: a machine at rest, so that a restart finds it as it was.

Written whole or not at all after each change (a process killed anywhere leaves the state before or after it), with
mode 0600: the keys of the machine's certificates are in it, in the clear, as they are on any machine that serves.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cemops.errors import CemopsError
from cemops.lab.folder import write_file
from cemops.lab.windows.certificate_stores import CertificateStores, StoredCertificate
from cemops.lab.windows.iis_model import Iis
from cemops.lab.windows.machine_model import Account, DeadMan, HeldLock, Identity, Machine, Service
from cemops.lab.windows.registry_model import Registry, RegistryKey

MACHINE_FILE = "machine.json"


def _certificate(one: StoredCertificate) -> dict[str, Any]:
    return {
        "thumbprint": one.thumbprint,
        "der": b64encode(one.der).decode("ascii"),
        "key": None if one.key is None else one.key.decode("ascii"),
        "friendly_name": one.friendly_name,
        "readers": one.readers,
    }


def machine_document(machine: Machine) -> dict[str, Any]:
    """Return a machine as plain data."""
    iis = machine.iis
    return {
        "schema": 1,
        "identity": asdict(machine.identity),
        "iis": None if iis is None else {"path": iis.path, "config": iis.config, "stopped": sorted(iis.stopped)},
        "stores": {name: [_certificate(one) for one in held] for name, held in machine.certificates.stores.items()},
        "registry": machine.registry.root.as_tree(),
        "services": {name: asdict(one) for name, one in machine.services.items()},
        "accounts": {name: asdict(one) for name, one in machine.accounts.items()},
        "names": machine.names,
        "hosts_file": None if machine.hosts_file is None else str(machine.hosts_file),
        "dead_men": [
            {"token": one.token, "due_ms": one.due_ms, "script": b64encode(one.script).decode(), "fired": one.fired}
            for one in machine.dead_men
        ],
        "lock": None if machine.lock is None else asdict(machine.lock),
        "file_readers": machine.file_readers,
        "clock_offset_ms": machine.clock_offset_ms,
    }


def save_machine(machine: Machine) -> None:
    """Replace ``machine.json`` atomically."""
    write_file(machine.folder / MACHINE_FILE, json.dumps(machine_document(machine), indent=1) + "\n", 0o600)


def _stores(document: dict[str, Any]) -> dict[str, list[StoredCertificate]]:
    return {
        name: [
            StoredCertificate(
                thumbprint=one["thumbprint"],
                der=b64decode(one["der"]),
                key=None if one["key"] is None else one["key"].encode("ascii"),
                friendly_name=one["friendly_name"],
                readers=None if one["readers"] is None else tuple(one["readers"]),
            )
            for one in held
        ]
        for name, held in document.items()
    }


def _iis(document: dict[str, Any] | None) -> Iis | None:
    if document is None:
        return None
    return Iis(config=document["config"], stopped=set(document["stopped"]), path=document["path"])


def load_machine(folder: Path) -> Machine:
    """Return the machine at rest in ``folder``. Raises CemopsError if there is none."""
    file = folder / MACHINE_FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Machine(
            folder=folder,
            identity=Identity(**document["identity"]),
            iis=_iis(document["iis"]),
            certificates=CertificateStores(_stores(document["stores"])),
            registry=Registry(RegistryKey.from_tree(document["registry"])),
            services={name: Service(**one) for name, one in document["services"].items()},
            accounts={name: Account(**one) for name, one in document["accounts"].items()},
            names={name: tuple(addresses) for name, addresses in document["names"].items()},
            hosts_file=None if document.get("hosts_file") is None else Path(document["hosts_file"]),
            dead_men=[DeadMan(**{**one, "script": b64decode(one["script"])}) for one in document["dead_men"]],
            lock=None if document.get("lock") is None else HeldLock(**document["lock"]),
            file_readers={path: tuple(readers) for path, readers in document["file_readers"].items()},
            clock_offset_ms=document["clock_offset_ms"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CemopsError(f"{file} does not describe a machine of the lab: `cemops lab up` makes one") from error
