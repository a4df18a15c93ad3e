"""Reads the vendor's gateway on Windows for a backup (IG-10, IG-11) while it serves: one remote process as a rule.

This is the one request in which a private key leaves a machine: inside the answer of that process, over the session's
encryption, to be sealed in memory. It is asked for by nobody else, and no record or log gets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from cemops.errors import HostError
from cemops.execution.estate_context import EstateContext
from cemops.execution.windows_machine import WindowsMachine
from cemops.execution.windows_state.reply import Fields, unpacked
from cemops.model.certificates import CertificateFacts
from cemops.model.gateways import Gateway
from cemops.pki.windows_gateway_backup import MOST_WINDOWS_BYTES, WINDOWS_LAYOUTS, WindowsGatewayBackup
from cemops.planning.windows.gateway.folders import GatewayFolders

MOST_LEVELS = 8
"""Of folders in folders: the vendor's have one."""
_USUAL = ("extra", "original")
"""Folders that an httpd brings in its ``conf``: asked for at once, so that they cost no second process."""


def read_windows_gateway(
    context: EstateContext, machine: WindowsMachine, gateway: Gateway, presented: CertificateFacts | None
) -> WindowsGatewayBackup:
    """Read what a gateway is made of, keys included. Raises CemopsError; the gateway is not touched.

    ``presented``: what it shows to whoever dials it (``smp-8``), None where that is not known.
    """
    folders = GatewayFolders(gateway.root)
    marker = folders.marker(gateway.layout)
    found: dict[str, bytes] = {}
    asked: dict[str, None] = {}
    wanted = tuple(_wanted(folders, gateway))
    for _ in range(MOST_LEVELS):
        asked |= dict.fromkeys(path.casefold() for path in wanted)
        state = _read(machine, wanted)
        _refuse_unconfirmed(machine, state)
        listed = {path: folder for path, folder in state.entries("folders") if folder is not None}
        if marker in wanted and marker not in listed:
            raise HostError(
                machine.name, f"no gateway of {gateway.layout} is in {gateway.root}: `cemops plan` tells more"
            )
        for path, folder in listed.items():
            found |= _files(machine, gateway.root, path, folder)
        below = (rf"{path}\{name}" for path, folder in listed.items() for name in folder.texts("folders"))
        wanted = tuple(path for path in below if path.casefold() not in asked)
        if not wanted:
            return _backup(context, machine, gateway, found, presented)
    raise HostError(machine.name, f"{wanted[0]} lies deeper than any folder of the vendor's: move it elsewhere")


def _wanted(folders: GatewayFolders, gateway: Gateway) -> Iterator[str]:
    yield folders.marker(gateway.layout)
    if gateway.layout == "smp-7":
        yield from (rf"{folders.conf}\{name}" for name in _USUAL)
        yield folders.apache_certs
    else:
        yield folders.settings
    yield from folders.client_places(gateway.layout)
    yield from folders.crl_places(gateway.layout)


def _read(machine: WindowsMachine, wanted: Sequence[str]) -> Fields:
    asked = [{"path": path, "content_below": MOST_WINDOWS_BYTES, "hash_only": []} for path in wanted]
    return Fields(unpacked(machine.state({"verb": "state", "want": {"folders": asked}})))


def _refuse_unconfirmed(machine: WindowsMachine, state: Fields) -> None:
    if any(not man.flag("fired") for man in state.objects("dead_men")):
        raise HostError(
            machine.name, "a change waits for its confirmation: run `cemops apply`, which settles it, then back up"
        )


def _files(machine: WindowsMachine, root: str, path: str, folder: Fields) -> Mapping[str, bytes]:
    found = {}
    for name, file in folder.entries("files"):
        if file is None or file.value("content") is None:
            raise HostError(machine.name, rf"{path}\{name} is too large for a file of a gateway: move it elsewhere")
        found[rf"{path}\{name}".removeprefix(f"{root}\\")] = file.decoded("content")
    return found


def _backup(
    context: EstateContext,
    machine: WindowsMachine,
    gateway: Gateway,
    files: Mapping[str, bytes],
    presented: CertificateFacts | None,
) -> WindowsGatewayBackup:
    if sum(map(len, files.values())) > MOST_WINDOWS_BYTES:
        raise HostError(machine.name, f"the gateway's folders hold more than {MOST_WINDOWS_BYTES} bytes: clear them up")
    backup = WindowsGatewayBackup(
        estate=context.estate.estate,
        gateway=gateway.name,
        created=datetime.now(UTC),
        layout=next(layout for layout in WINDOWS_LAYOUTS if layout == gateway.layout),
        root=gateway.root,
        files=files,
        presented=presented.sha1 if presented is not None else None,
        source=f"what lies on {machine.name}",
    )
    backup.check()
    return backup
