"""Who works with the store: the operator, their machine, and the very process, told apart from a later one."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_PROC = Path("/proc")
_PEOPLE = ("SUDO_USER", "GITLAB_USER_LOGIN", "GITHUB_ACTOR")
"""Variables that name the person behind an account: sudo, GitLab CI, GitHub Actions."""
_LONGEST_NAME = 100


class Life(StrEnum):
    """What can be said of a process from here."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"
    """It ran on another machine (or in another container): nobody here can tell."""


@dataclass(frozen=True)
class Operator:
    """A process of an operator. ``process`` is boot, pid namespace and start time: a pid alone is used again."""

    who: str
    host: str
    pid: int
    process: str

    def life(self) -> Life:
        """Tell whether that process still runs."""
        boot, namespace, _ = self.process.split("/", 2)
        here = process_identity(os.getpid()) or "//"
        own_boot, own_namespace, _ = here.split("/", 2)
        if self.host != socket.gethostname():
            return Life.UNKNOWN
        if boot != own_boot:
            return Life.GONE  # the machine was started anew since
        if namespace != own_namespace:
            return Life.UNKNOWN
        return Life.ALIVE if process_identity(self.pid) == self.process else Life.GONE


def this_operator(environ: Mapping[str, str]) -> Operator:
    """Return who runs this process."""
    pid = os.getpid()
    return Operator(_person(environ), socket.gethostname(), pid, process_identity(pid) or "//")


def process_identity(pid: int) -> str | None:
    """Return ``boot/pid namespace/start time`` of a living process; None for one that is gone or a zombie."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = str((_PROC / "self/ns/pid").readlink())
        fields = (_PROC / str(pid) / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else f"{boot}/{namespace}/{fields[19]}"


def _person(environ: Mapping[str, str]) -> str:
    try:
        account = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        account = f"uid {os.geteuid()}"
    person = next((environ[name] for name in _PEOPLE if environ.get(name)), account)
    person = "".join(character for character in person if character.isprintable())[:_LONGEST_NAME]
    return account if person == account else f"{person} (as {account})"
