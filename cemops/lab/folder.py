"""The lab's folder on disk: its marker, its lock, its record of processes, and how it goes away.

A folder is a lab's only if it holds the marker file; nothing without one is ever removed. The marker is the
first thing made and the last but the folder removed, so that an ``up`` or ``down`` killed anywhere leaves a
folder which the next one knows.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cemops.errors import CemopsError, RefusedError
from cemops.lab.preconditions import check_folder, fallback_folder
from cemops.lab.processes import ProcessIdentity, boot_id, is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = ".cemops-lab"
LOCK = ".lock"
STATE = "state.json"
DEFAULT_FOLDER = Path(".lab")

_MARKER_TEXT = "A lab of cemops. `cemops lab down` removes this folder and everything in it.\n"


@dataclass(frozen=True)
class LabProcess:
    """One process that the lab started: the machine it stands for, what it is, where it listens."""

    host: str
    role: str
    """``sshd`` or ``stand-in``."""
    addresses: tuple[str, ...]
    """``address:port`` of each listener."""
    identity: ProcessIdentity

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return is_alive(self.identity)


@dataclass(frozen=True)
class GatewayPlace:
    """Where one gateway of the lab lives, for ``status``."""

    host: str
    address: str
    """``address:port`` that its httpd listens on once applied."""
    root: str


@dataclass(frozen=True)
class LabState:
    """What ``state.json`` holds: written before the first process starts and after each one."""

    ready: bool
    processes: tuple[LabProcess, ...] = ()
    gateways: tuple[GatewayPlace, ...] = ()

    @property
    def running(self) -> bool:
        """Whether ``up`` came to its end and everything that it started still runs."""
        return self.ready and all(process.alive for process in self.processes)


def resolve_folder(wanted: Path) -> Path:
    """Return the absolute folder of the lab wanted at ``wanted``, links followed; makes nothing.

    The default folder moves to /var/tmp where root's service account cannot enter it (a checkout below
    /root); a link is left in its place by ``make_folder``, so that later calls find it.
    """
    target = wanted.resolve()
    if wanted == DEFAULT_FOLDER and not target.exists():
        return fallback_folder(target) or target
    return target


def make_folder(wanted: Path) -> Path:
    """Make the lab's folder with its marker, or take over an empty or leftover one; return it resolved.

    Raises CemopsError if the folder holds something that is no lab, belongs to somebody else, or cannot be
    entered by the gateways' account.
    """
    folder = resolve_folder(wanted)
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise CemopsError(f"{folder} was made by another user: choose another folder with --dir")
        if not is_lab(folder) and any(folder.iterdir()):
            raise CemopsError(f"{folder} is not empty and no lab of cemops: choose another folder with --dir")
        folder.chmod(0o755)
        (folder / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")
        if wanted.resolve() != folder:
            wanted.symlink_to(folder)
    except OSError as error:
        raise CemopsError(f"{folder} cannot be made: {error.strerror}; choose another folder with --dir") from error
    return folder


def is_lab(folder: Path) -> bool:
    """Tell whether the folder is a lab of this user.

    Not of another one: below /var/tmp anybody can make a folder with a marker and a record of wrong processes.
    """
    try:
        owners = {folder.lstat().st_uid, (folder / MARKER).lstat().st_uid}
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    return owners == {os.geteuid()} and not folder.is_symlink()


def _is_locked_file(handle: int, folder: Path) -> bool:
    """Tell whether the lock held is on the file that is there now, not on one that a ``down`` removed."""
    try:
        return (folder / LOCK).stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lab's lock; the kernel lets go of it if the holder is killed.

    Raises RefusedError if another command is starting or ending this lab.
    """
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                f"another cemops lab command is starting or ending the lab in {folder}: wait until it is done"
            ) from error
        if not _is_locked_file(handle, folder):
            raise RefusedError(f"the lab in {folder} was just removed by another command: try again")
        yield
    finally:
        os.close(handle)


def write_file(path: Path, data: str | bytes, mode: int) -> None:
    """Write a new file whole or not at all, with ``mode`` from its first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    content = data.encode() if isinstance(data, str) else data
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(handle, mode)
        stream.write(content)
    temporary.replace(path)


def make_subfolder(path: Path, mode: int) -> Path:
    """Make a folder with exactly ``mode``, whatever the umask."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path


def write_state(folder: Path, state: LabState) -> None:
    """Replace ``state.json`` atomically."""
    document = {"schema": 1, "boot": boot_id(), **asdict(state)}
    write_file(folder / STATE, json.dumps(document, indent=1) + "\n", 0o644)


def read_state(folder: Path) -> LabState | None:
    """Return what is recorded; None if nothing is, or from another boot (then no process of it is left)."""
    try:
        document = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if document["schema"] != 1 or document["boot"] != boot_id():
            return None
        return LabState(
            ready=document["ready"],
            processes=tuple(
                LabProcess(
                    host=entry["host"],
                    role=entry["role"],
                    addresses=tuple(entry["addresses"]),
                    identity=ProcessIdentity(**entry["identity"]),
                )
                for entry in document["processes"]
            ),
            gateways=tuple(GatewayPlace(**entry) for entry in document["gateways"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CemopsError(
            f"{folder / STATE} cannot be read: `cemops lab down --dir {folder}` clears the folder"
        ) from error


def _remove_tree(path: Path) -> None:
    """Remove a folder, read-only releases included; links are removed, never followed."""
    for parent, _, _ in os.walk(path):
        os.chmod(parent, stat.S_IRWXU)  # noqa: PTH101  # os.walk gives text
    shutil.rmtree(path)


def empty_folder(folder: Path, spare: tuple[str, ...] = ()) -> None:
    """Remove everything but the marker, the lock and the files named in ``spare``.

    Raises CemopsError if ``folder`` is no lab.
    """
    if not is_lab(folder):
        raise CemopsError(f"{folder} is no lab of cemops (it has no file {MARKER}): nothing was removed")
    kept = {MARKER, LOCK, STATE, *spare}
    for entry in sorted(folder.iterdir()):
        if entry.name in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            _remove_tree(entry)
        else:
            entry.unlink()
    (folder / STATE).unlink(missing_ok=True)


def remove_folder(folder: Path, wanted: Path) -> None:
    """Remove the emptied folder of the lab wanted at ``wanted``, and the link that may stand for it."""
    (folder / LOCK).unlink(missing_ok=True)
    (folder / MARKER).unlink()
    folder.rmdir()
    if wanted.is_symlink():
        wanted.unlink()
