"""A lab: brought up, looked at, taken down.

``with Lab.up(folder) as lab:`` gives a running lab that is gone afterwards, whatever happens in between; the
command line brings one up and takes it down in separate calls by ``Lab.up`` and ``take_down``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cemops.errors import CemopsError, RefusedError
from cemops.lab.blueprint import ENV_FILE, ESTATE_FILE, Blueprint, LabSettings, draw_up
from cemops.lab.folder import (
    GatewayPlace,
    LabProcess,
    LabState,
    empty_folder,
    is_lab,
    locked,
    make_folder,
    read_state,
    remove_folder,
    resolve_folder,
    write_state,
)
from cemops.lab.login import check_login
from cemops.lab.machine import Started, wait_until_ready
from cemops.lab.preconditions import find_programs, prepare_privilege_separation
from cemops.lab.processes import end_all
from cemops.lab.python_process import import_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

OLD_ESTATE_FILE = f"{ESTATE_FILE}.old"
COMMAND_SECONDS = 600.0
"""How long one cemops command on the lab may take."""


def untold(_sentence: str) -> None:
    """Tell nobody: for callers without a terminal."""


@dataclass(frozen=True)
class Lab:
    """A running lab in ``folder`` (absolute)."""

    folder: Path
    wanted: Path
    """The folder as it was asked for: a link to ``folder``, or the same."""

    @classmethod
    def up(cls, wanted: Path, settings: LabSettings | None = None, tell: Callable[[str], None] = untold) -> Self:
        """Bring a lab up in ``wanted``; return once every server answers and each gateway can be worked with.

        Clears what a killed ``up`` or ``down`` left there, and a lab of which something has ended; of that one
        the estate file is kept (``keep_estate``), and ``tell`` is told so before.
        Raises CemopsError if the machine lacks something or a server does not come up (its log stays until the
        next ``up`` or ``down``), and RefusedError if a lab runs there already.
        Interrupted, it leaves nothing but such a kept estate.
        """
        programs = find_programs()
        folder = make_folder(wanted)
        with locked(folder):
            known = _known_state(folder)
            if known is not None and known.running:
                raise RefusedError(
                    f"a lab runs in {folder} already: `. {folder / ENV_FILE}` to use it, "
                    f"`cemops lab down --dir {wanted}` to end it"
                )
            keep_estate(folder, known, tell)
            _clear(folder, known, spare=(OLD_ESTATE_FILE,))
            write_state(folder, LabState(ready=False))
            try:
                _stand_up(folder, draw_up(folder, settings or LabSettings(), programs))
            except CemopsError:
                end_all((), folder)  # the logs stay: the error names them
                raise
            except BaseException:
                _clear(folder, _known_state(folder), spare=(OLD_ESTATE_FILE,))
                if not (folder / OLD_ESTATE_FILE).exists():
                    remove_folder(folder, wanted)
                raise
        return cls(folder, wanted)

    @property
    def estate_file(self) -> Path:
        """The estate of the lab."""
        return self.folder / ESTATE_FILE

    @property
    def env_file(self) -> Path:
        """The file of shell exports."""
        return self.folder / ENV_FILE

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this process, changed so that commands work on the lab."""
        return lab_environment(self.folder)

    def cemops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a cemops command on the lab and return what it said, without judging its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "cemops", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )

    def down(self) -> None:
        """End every process of the lab and remove its folder."""
        take_down(self.wanted)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()


def lab_environment(folder: Path) -> dict[str, str]:
    """Return this process's environment with what ``DIR/env`` exports, and this very package importable."""
    paths = [import_path(), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "CEMOPS_ESTATE": str(folder / ESTATE_FILE),
        "PYTHONPATH": os.pathsep.join(paths),
    }


def take_down(wanted: Path) -> bool:
    """End the lab in ``wanted`` and remove its folder; return whether there was one.

    Whatever state it is in: running, half started, killed. Raises CemopsError if the folder is no lab
    (nothing is touched then) or a process cannot be ended.
    """
    folder = resolve_folder(wanted)
    if not folder.exists():
        return False
    if not is_lab(folder):
        raise CemopsError(f"{folder} is no lab of this user: nothing was ended or removed")
    with locked(folder):
        _clear(folder, _known_state(folder))
        remove_folder(folder, wanted)
    return True


def _known_state(folder: Path) -> LabState | None:
    """Return the recorded state; None if it cannot be read: the marker finds the processes all the same."""
    try:
        return read_state(folder)
    except CemopsError:
        return None


def keep_estate(folder: Path, known: LabState | None, tell: Callable[[str], None]) -> None:
    """Keep the estate file of a lab that is about to be built anew: somebody may have worked on it.

    Not that of a lab which never became ready: nobody has, and an estate kept before is worth more.
    """
    estate = folder / ESTATE_FILE
    if not estate.is_file() or (known is not None and not known.ready):
        return
    estate.replace(folder / OLD_ESTATE_FILE)
    tell(
        f"the lab in {folder} is not whole any more, so it is built anew, with a new estate file and new gateways; "
        f"the estate file that was there is kept as {folder / OLD_ESTATE_FILE}"
    )


def _clear(folder: Path, known: LabState | None, spare: tuple[str, ...] = ()) -> None:
    recorded = () if known is None else known.processes
    end_all((process.identity for process in recorded), folder)
    empty_folder(folder, spare)


def _stand_up(folder: Path, blueprint: Blueprint) -> None:
    prepare_privilege_separation()
    places = tuple(
        GatewayPlace(one.name, f"{one.address}:{one.listen_port}", str(one.root)) for one in blueprint.gateways
    )
    started: list[Started] = []
    for machine in blueprint.machines:
        started += machine.start()
        write_state(folder, LabState(ready=False, processes=_records(started), gateways=places))
    wait_until_ready(tuple(started))
    for gateway in blueprint.gateway_machines:
        check_login(gateway, blueprint.names)
    write_state(folder, LabState(ready=True, processes=_records(started), gateways=places))


def _records(started: list[Started]) -> tuple[LabProcess, ...]:
    return tuple(one.record for one in started)
