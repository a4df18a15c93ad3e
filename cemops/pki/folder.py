"""The operator's ``pki/`` folder: what lies where, and how it is written so that a crash cannot spoil it.

::

    authorities/<name>/   key.pem  certificate.pem  crl.pem  revoked.json
    gateways/<name>/      key.pem  certificate.pem  live.pem  retired/
    servers/<name>/<purpose>/   key.pem  certificate.pem  retired/
    agents/<authority>/   agent.key.pem agent.pem  expired.key.pem expired.pem  revoked.key.pem revoked.pem

Folders have mode 0700 and files 0600 from the first byte. A file is written beside its place, synced, and
renamed into it: a reader sees the old or the new contents, whole. A key is written before its certificate,
so a crash leaves at most a key without certificate, which the next run completes with that same key. Every
writer holds ``locked()``.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from cemops.errors import PkiError
from cemops.pki.inspection import MAX_CRL_BYTES, certificate_facts, read_bounded, read_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.certificates import CertificateFacts
    from cemops.model.estate import Estate

LOCK_WAIT_SECONDS = 30.0
"""Longer than making everything for one gateway takes (about five RSA keys, 1 s)."""
_LOCK_RETRY_SECONDS = 0.05

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


@dataclass(frozen=True)
class Entry:
    """The two files of one certificate with its key."""

    certificate: Path
    key: Path


class PkiFolder:
    """Paths, reading and safe writing below the estate's ``pki`` folder.

    Reading makes nothing, not even a folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def authority(self, name: str) -> Entry:
        """Certificate and key of a local authority."""
        folder = self._below("authorities", name)
        return Entry(folder / "certificate.pem", folder / "key.pem")

    def crl(self, authority: str) -> Path:
        """The CRL of a local authority."""
        return self._below("authorities", authority) / "crl.pem"

    def revocations(self, authority: str) -> Path:
        """What a local authority has revoked, and the number of its last CRL."""
        return self._below("authorities", authority) / "revoked.json"

    def gateway(self, name: str) -> Entry:
        """Certificate and key that cemops made for a gateway."""
        folder = self._below("gateways", name)
        return Entry(folder / "certificate.pem", folder / "key.pem")

    def server(self, name: str, purpose: str) -> Entry:
        """Certificate and key that cemops made for a Notification Server or site server, by purpose."""
        folder = self._below("servers", name) / purpose
        return Entry(folder / "certificate.pem", folder / "key.pem")

    def live(self, gateway: str) -> Path:
        """The certificate that the last confirmed apply left serving on a gateway."""
        return self._below("gateways", gateway) / "live.pem"

    def agent(self, authority: str, role: str) -> Entry:
        """Certificate and key with which the probe plays an agent; ``role`` is agent, expired or revoked."""
        folder = self._below("agents", authority)
        return Entry(folder / f"{role}.pem", folder / f"{role}.key.pem")

    def write(self, path: Path, data: bytes) -> None:
        """Put ``data`` at ``path``, whole or not at all, readable by its owner alone.

        Folders are made as needed.
        """
        try:
            self._make_folders(path.parent)
            temporary = path.with_name(f".{path.name}.{token_hex(8)}")
            try:
                _write_new(temporary, data)
                temporary.rename(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(path.parent)
        except OSError as error:
            raise PkiError(
                f"{path} cannot be written ({error.strerror}): make room or give yourself the right"
            ) from None

    def write_once(self, path: Path, data: bytes) -> None:
        """As ``write``, but PkiError where ``path`` exists already: a CA's key is never replaced."""
        try:
            self._make_folders(path.parent)
            temporary = path.with_name(f".{path.name}.{token_hex(8)}")
            try:
                _write_new(temporary, data)
                os.link(temporary, path)  # a link, unlike a rename, fails where the name is taken
            except FileExistsError:
                raise PkiError(
                    f"{path} exists already and is never overwritten: move it away if it is not wanted"
                ) from None
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise PkiError(
                f"{path} cannot be written ({error.strerror}): make room or give yourself the right"
            ) from None

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise PkiError(f"{path} cannot be removed ({error.strerror}): give yourself the right") from None

    def retire(self, entry: Entry, facts: CertificateFacts) -> None:
        """Move a certificate and its key to ``retired/``, certificate first: none ever has a foreign key."""
        folder = entry.certificate.parent / "retired"
        try:
            self._make_folders(folder)
            for path, suffix in ((entry.certificate, "pem"), (entry.key, "key.pem")):
                if path.exists():
                    path.rename(folder / f"{facts.sha256[:16].lower()}.{suffix}")
            _sync_folder(folder)
            _sync_folder(entry.certificate.parent)
        except OSError as error:
            raise PkiError(f"{entry.certificate} cannot be moved to {folder} ({error.strerror})") from None

    def facts(self, path: Path) -> CertificateFacts | None:
        """State what the certificate at ``path`` says; None where there is no file."""
        return certificate_facts(read_certificate(path), str(path)) if self.has(path) else None

    def read(self, path: Path) -> bytes:
        """Read a file of the folder; none is larger than a CRL."""
        return read_bounded(path, MAX_CRL_BYTES)

    def has(self, path: Path) -> bool:
        """Tell whether something lies at ``path``; PkiError where that cannot be told."""
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise PkiError(f"{path} cannot be examined ({error.strerror}): give yourself the right") from None
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock; PkiError where another run holds it for ``LOCK_WAIT_SECONDS``.

        The lock goes with its process, so a killed run leaves none behind.
        """
        lock = self.path / ".lock"
        try:
            self._make_folders(self.path)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
        except OSError as error:
            raise PkiError(f"{lock} cannot be opened ({error.strerror}): give yourself the right") from None
        try:
            _wait_for_lock(descriptor, lock)
            yield
        finally:
            os.close(descriptor)

    def _below(self, kind: str, name: str) -> Path:
        # The model's names hold nothing of the kind; this is the last line before the file system.
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise PkiError(f"{name!r} cannot be the name of a folder in {self.path}: rename it in the estate file")
        return self.path / kind / name

    def _make_folders(self, folder: Path) -> None:
        """Make ``folder`` and what is missing above it, down from the pki folder, with mode 0700."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        missing = [part for part in (folder, *folder.parents) if part.is_relative_to(self.path) and not part.is_dir()]
        for part in reversed(missing):
            part.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            _sync_folder(part.parent)


def pki_folder(estate: Estate, folder: Path) -> PkiFolder:
    """Return the estate's pki folder: ``pki.folder``, against the folder of the estate file."""
    return PkiFolder(estate_path(folder, estate.pki.folder))


def estate_path(folder: Path, declared: str) -> Path:
    """Return a path of the estate file: ``~`` is the home folder, else it resolves against ``folder``."""
    try:
        return folder / Path(declared).expanduser()
    except RuntimeError:
        raise PkiError(f"{declared} names the home folder of a user who has none: write the path out") from None


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, lock: Path) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise PkiError(f"{lock} is held by another run of cemops: wait until it has ended") from None
            # Sleep instead of a blocking flock, so that the greenlets of other hosts go on.
            time.sleep(_LOCK_RETRY_SECONDS)
        else:
            return
