"""What ``status`` says of a lab, as data, JSON and text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cemops.errors import CemopsError
from cemops.lab.folder import GatewayPlace, LabState, is_lab, read_state, resolve_folder
from cemops.lab.processes import belongs_to, identify

Condition = Literal["none", "stopped", "partial", "running"]


@dataclass(frozen=True)
class ProcessReport:
    """One process, or an expected one without a pid (httpd before the first apply)."""

    host: str
    role: str
    addresses: tuple[str, ...]
    pid: int | None
    alive: bool
    applied: bool = True
    """False for the httpd of a gateway that nothing was applied to yet."""

    @property
    def life(self) -> str:
        """Whether it runs, in words."""
        if self.alive:
            return f"running (pid {self.pid})"
        return "not running" if self.applied else "not running (the first apply starts it)"


@dataclass(frozen=True)
class LabReport:
    """A lab and its processes.

    ``condition`` is ``none`` (no lab there), ``stopped`` (nothing of it runs), ``partial`` (``up`` was
    killed, or something has ended since) or ``running``; httpd does not count.
    """

    folder: Path
    condition: Condition
    processes: tuple[ProcessReport, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the report as the JSON document of ``lab status``."""
        return {
            "schema": 1,
            "folder": str(self.folder),
            "state": self.condition,
            "processes": [
                {
                    "host": one.host,
                    "role": one.role,
                    "addresses": list(one.addresses),
                    "pid": one.pid,
                    "alive": one.alive,
                }
                for one in self.processes
            ],
        }

    def as_text(self) -> str:
        """Return the report for people."""
        if self.condition == "none":
            return f"no lab in {self.folder}: `cemops lab up` starts one"
        lines = [f"lab in {self.folder}: {self.condition}"]
        lines.extend(
            f"  {one.host:<6} {one.role:<11} {', '.join(one.addresses):<22} {one.life}" for one in self.processes
        )
        return "\n".join(lines)


def lab_report(wanted: Path) -> LabReport:
    """Look at the lab in ``wanted``. Raises CemopsError if its record cannot be read."""
    folder = resolve_folder(wanted)
    if not is_lab(folder):
        return LabReport(folder, "none", ())
    state = read_state(folder) or LabState(ready=False)
    started = tuple(
        ProcessReport(one.host, one.role, one.addresses, one.identity.pid, one.alive) for one in state.processes
    )
    servers = tuple(_httpd(folder, place) for place in state.gateways)
    return LabReport(folder, _condition(state), started + servers)


def _condition(state: LabState) -> Condition:
    if state.running:
        return "running"
    return "partial" if any(process.alive for process in state.processes) else "stopped"


def _httpd(folder: Path, place: GatewayPlace) -> ProcessReport:
    pid = _pid(Path(place.root) / "run" / "httpd.pid")
    alive = pid is not None and identify(pid) is not None and belongs_to(pid, folder)
    applied = os.path.lexists(Path(place.root) / "current")
    return ProcessReport(place.host, "httpd", (place.address,), pid if alive else None, alive, applied)


def _pid(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CemopsError(f"{file} holds no process id: `cemops lab down` clears it with the lab") from error
