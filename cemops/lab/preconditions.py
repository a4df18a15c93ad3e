"""What a lab needs before it can start: programs, and a folder that the gateways' account can enter."""

from __future__ import annotations

import ctypes.util
import hashlib
import os
import pwd
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from cemops.errors import CemopsError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of every ssh session of the lab; the programs are looked up in it too."""

UNPRIVILEGED_ACCOUNT = "nobody"

_FOLDER_TEXT = re.compile(r"/[A-Za-z0-9._/@+=,-]+")
_SHADOW = Path("/etc/shadow")
_MODULE_FOLDERS = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/etc/httpd/modules",
    "/usr/local/apache2/modules",
)
_LIBRARY_FOLDERS = ("/usr/lib", "/usr/lib64", "/lib", "/usr/local/lib")


@dataclass(frozen=True)
class LabPrograms:
    """Absolute paths of what the lab runs itself."""

    sshd: str
    nss_wrapper: str
    httpd: str
    httpd_modules: str
    """The folder of httpd's modules."""


def _find_nss_wrapper() -> str | None:
    for folder in _LIBRARY_FOLDERS:
        for pattern in ("libnss_wrapper.so", "*/libnss_wrapper.so"):
            for found in sorted(Path(folder).glob(pattern)):
                return str(found)
    return ctypes.util.find_library("nss_wrapper")


def find_programs() -> LabPrograms:
    """Return the programs of the lab. Raises CemopsError that lists all missing ones and what to install."""
    sshd = shutil.which("sshd", path=SEARCH_PATH)
    httpd = shutil.which("apache2", path=SEARCH_PATH) or shutil.which("httpd", path=SEARCH_PATH)
    openssl = shutil.which("openssl", path=SEARCH_PATH)
    nss_wrapper = _find_nss_wrapper()
    packages = {
        "apache2": ("the Apache httpd server (apache2 or httpd)", httpd),
        "openssh-server": ("the ssh server (sshd)", sshd),
        "libnss-wrapper": ("the library libnss_wrapper.so", nss_wrapper),
        "openssl": ("the program openssl", openssl),
    }
    modules = next((folder for folder in _MODULE_FOLDERS if Path(folder).is_dir()), None)
    missing = {package: what for package, (what, found) in packages.items() if found is None}
    if missing or sshd is None or nss_wrapper is None or httpd is None:
        raise CemopsError(
            f"the lab needs {', '.join(missing.values())}: on Debian run "
            f"`apt-get install {' '.join(missing)}`, elsewhere install the packages that hold the same"
        )
    if modules is None:
        raise CemopsError(f"the lab finds no modules of {httpd}: they are looked for in {', '.join(_MODULE_FOLDERS)}")
    return LabPrograms(sshd=sshd, nss_wrapper=nss_wrapper, httpd=httpd, httpd_modules=modules)


def login_name() -> str:
    """Return the user that the lab runs as, and that logs in to its gateways."""
    return pwd.getpwuid(os.geteuid()).pw_name


def service_account() -> str:
    """Return the account that the gateways serve as: an unprivileged one for root, else the user's own."""
    return UNPRIVILEGED_ACCOUNT if os.geteuid() == 0 else login_name()


def is_locked(account: str) -> bool:
    """Tell whether the account's password is locked, which sshd takes for a locked account unless it asks PAM.

    A user who may not read the password file runs an sshd that may not either: then it does not matter.
    """
    try:
        lines = _SHADOW.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{account}:!") for line in lines)


def prepare_privilege_separation() -> None:
    """Make the empty folder that a root sshd insists on; a machine on which no sshd ever ran lacks it."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def _closed_parent(folder: Path) -> Path | None:
    """Return the highest existing folder on the way that others may not enter."""
    for part in reversed((folder, *folder.parents)):
        if part.exists() and not stat.S_IMODE(part.stat().st_mode) & stat.S_IXOTH:
            return part
    return None


def check_folder(folder: Path) -> None:
    """Check that a lab can live in ``folder`` (absolute, resolved).

    Raises CemopsError for characters that configuration files cannot carry unquoted, and, for root, where the
    gateways' account could not enter.
    """
    if not _FOLDER_TEXT.fullmatch(str(folder)):
        raise CemopsError(
            f"the lab's folder {str(folder)!r} has characters other than letters, digits and ._/@+=,-: "
            "choose another one with --dir"
        )
    if os.geteuid() != 0:
        return
    closed = _closed_parent(folder.parent)
    if closed is not None:
        raise CemopsError(
            f"the gateways of the lab run as {UNPRIVILEGED_ACCOUNT}, who may not enter {closed}: choose a "
            "folder elsewhere, for example --dir /var/tmp/cemops-lab"
        )


def fallback_folder(wanted: Path) -> Path | None:
    """Return where a lab can live if root's service account cannot enter ``wanted``; else None.

    Each wanted place has its own, so that two checkouts in root's home have two labs.
    """
    if os.geteuid() != 0 or _closed_parent(wanted.parent) is None:
        return None
    digest = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"cemops-lab-{digest}"  # noqa: S108  # made exclusively by this user, or refused
