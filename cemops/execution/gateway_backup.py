"""Backs gateways up while they serve (IG-11): one remote command reads what is live, one encrypted file holds it.

What is the same for every layout is here, and how a Linux gateway is read; ``windows_gateway_backup`` reads the others.

The private key leaves the host inside that command's output alone, over SSH, and is encrypted in memory: it touches no
disk of the operator's as it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from pyinfra.api.host import Host

from cemops.errors import CemopsError, HostError, PkiError
from cemops.execution.backup_folder import BACKUPS, BackupFolder
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_desired import live_trust
from cemops.execution.gateway_host import GatewayHost
from cemops.execution.gateway_look import presented_by
from cemops.execution.machine_kind import Step
from cemops.execution.windows_gateway_backup import read_windows_gateway
from cemops.execution.windows_machine import WindowsMachine
from cemops.model.gateways import Gateway
from cemops.model.observed import ObservedGateway
from cemops.pki.authorities import pki_passphrase
from cemops.pki.folder import pki_folder
from cemops.pki.gateway_backup import MOST_BYTES, MOST_FILE_BYTES, GatewayBackup
from cemops.pki.inspection import read_bounded
from cemops.pki.keyed_certificate import read_encrypted_key
from cemops.pki.sealed_file import Seal, SealedFile
from cemops.pki.stored_backup import StoredBackup, layout_of, open_backup
from cemops.planning.desired_gateway import CLIENT_CA, CONFIGURATION
from cemops.planning.managed import is_windows_gateway

BACKUP_SECONDS = 120
NOT_WHOLE = "nothing is live that has everything, its key included"
AS_INSTALLED = "no authority of agents is on it, so it lets no agent in that a backup could bring back"
_FILE = "file:"


@dataclass(frozen=True)
class TakenBackup:
    """A backup that was written, read back and found to be what was read from the host."""

    file: Path
    backup: StoredBackup


def backup_folder(context: EstateContext) -> BackupFolder:
    """Return the folder of the estate's backups."""
    return BackupFolder(context.folder / BACKUPS)


@dataclass
class BackupBeforeChange:
    """The backup that is taken by itself before a gateway is touched, and the clearing away of old ones afterwards.

    ``read`` reads the gateway, and raises CemopsError.
    """

    context: EstateContext
    gateway: str
    is_whole: bool
    """Whether the gateway has something that restoring it would bring back."""
    why_not: str | None
    """What is told where it has not; None: a host that is not set up yet needs no words."""
    read: Callable[[], StoredBackup]
    report: Callable[[str], None]
    file: Path | None = None

    def steps(self) -> Iterator[Step]:
        """Yield the step, where the gateway has something that restoring it would bring back."""
        if self.context.estate.pki.passphrase is None:
            self.report("nothing was backed up: pki.passphrase seals backups, and none is declared")
        elif self.is_whole:
            yield Step("back up what serves", self.take)
        elif self.why_not is not None:
            self.report(f"nothing was backed up: {self.why_not}")

    def take(self) -> None:
        """Back up; HostError where that fails, and the gateway is left alone."""
        try:
            seal = new_seal(self.context, [self.gateway])
            self.file = kept(self.read(), backup_folder(self.context), seal).file
        except CemopsError as error:
            unreachable = isinstance(error, HostError) and error.unreachable
            reason = f"{self.gateway} could not be backed up, so nothing was touched: {error}"
            raise HostError(self.gateway, reason, unreachable=unreachable) from None
        self.report(f"backed up to {self.file}")

    def prune(self) -> None:
        """Clear old backups away; that one cannot be is no reason to call the apply failed."""
        if self.file is None:
            return
        try:
            backup_folder(self.context).prune(self.gateway, self.file)
        except CemopsError as error:
            self.report(f"old backups were not cleared away: {error}")


def before_change(
    context: EstateContext, host: GatewayHost, observed: ObservedGateway, report: Callable[[str], None]
) -> BackupBeforeChange:
    """Return the backup of a Linux gateway before it is touched."""
    live = live_trust(observed)
    has_files = {CONFIGURATION, CLIENT_CA} <= set(observed.live_files)
    is_whole = observed.current is not None and has_files and live.certificate is not None and live.key_matches
    why_not = NOT_WHOLE if observed.releases else None
    return BackupBeforeChange(context, host.name, is_whole, why_not, lambda: read_from_host(context, host), report)


def new_seal(context: EstateContext, gateways: Sequence[str]) -> Seal:
    """Return a seal with ``pki.passphrase``, tried on the gateways' keys in the pki folder, where these are.

    A backup that was sealed with a mistyped passphrase would be found out when it is needed. Raises PkiError, or
    SecretError where it cannot be had.
    """
    passphrase = pki_passphrase(context.estate, context.secrets, "the backup of a gateway")
    pki = pki_folder(context.estate, context.folder)
    for name in gateways:
        key = pki.gateway(name).key
        if pki.has(key):
            read_encrypted_key(key, passphrase)
            break
    return Seal.new(passphrase)


def kept(backup: StoredBackup, folder: BackupFolder, seal: Seal) -> TakenBackup:
    """Keep what was read from a gateway: seal, write, read back. Raises CemopsError."""
    data = backup.sealed(seal)
    file = folder.write(backup.gateway, backup.created, data)
    written = SealedFile.of(read_bounded(file, MOST_FILE_BYTES), str(file))
    if open_backup(written, seal).sealed_content != backup.sealed_content:
        raise PkiError(f"{file} does not hold what was written there: see to the disk, then back up again")
    return TakenBackup(file, backup)


def read_gateway(context: EstateContext, host: Host, gateway: Gateway) -> StoredBackup:
    """Read a gateway of whichever layout, its key included. Raises CemopsError; the gateway is not touched."""
    if not is_windows_gateway(gateway):
        return read_from_host(context, GatewayHost(host, gateway, "httpd"))
    presented = presented_by(gateway) if gateway.layout == "smp-8" else None
    return read_windows_gateway(context, WindowsMachine(host), gateway, presented)


def read_from_host(context: EstateContext, host: GatewayHost) -> GatewayBackup:
    """Read what is live on a gateway, its key included, in one remote command."""
    lines = host.run("backup", [MOST_BYTES], seconds=BACKUP_SECONDS)
    try:
        values = dict(line.partition("\t")[::2] for line in lines)
        backup = GatewayBackup(
            estate=context.estate.estate,
            gateway=host.name,
            created=datetime.now(UTC),
            root=host.gateway.root,
            release=values["release"],
            files={key.removeprefix(_FILE): _decoded(text) for key, text in values.items() if key.startswith(_FILE)},
            certificate_path=values["certificate-path"],
            key_path=values["key-path"],
            certificate=_decoded(values["certificate"]),
            key=SecretStr(_decoded(values["key"])),
            unit=_decoded(values["unit"]) if "unit" in values else None,
            confirmed=values.get("confirmed"),
            source=f"what is live on {host.name}",
        )
    except (KeyError, ValueError, binascii.Error):
        raise HostError(host.name, "the host's answer was cut off or cannot be read; back up again") from None
    backup.check()
    return backup


def read_backup(context: EstateContext, gateway: Gateway, file: Path | None) -> StoredBackup:
    """Read a backup of a gateway of this estate: ``file``, or the latest. Raises PkiError, one sentence each."""
    path = file or backup_folder(context).latest(gateway.name)
    sealed = SealedFile.of(read_bounded(path, MOST_FILE_BYTES), str(path))
    for what, wanted in (("estate", context.estate.estate), ("gateway", gateway.name)):
        if sealed.facts.get(what) != wanted:
            raise PkiError(f"{path} is a backup of {what} {sealed.facts.get(what)}, not of {wanted}: name another file")
    if layout_of(sealed) != gateway.layout:
        raise PkiError(
            f"{path} is a backup of layout {layout_of(sealed)}, and the estate declares {gateway.layout} for "
            f"{gateway.name}: name another file, or correct layout"
        )
    return open_backup(sealed, sealed.seal(pki_passphrase(context.estate, context.secrets, "the backup of a gateway")))


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode("utf-8")
